; The installer of CHoRUS Upload.  makensis -DVERSION=… -DSOURCE=FOLDER -DPROJECT=FOLDER -DOUTFILE=FILE [-DSIGN=COMMAND]
;
; For one user, without administrator rights; for all users when it is started as administrator (or /ALLUSERS, /CURRENTUSER).
; Silent: /S, with /D=FOLDER last.  Options: /DESKTOP /PATH (an upgrade keeps what was chosen before).
; Exit status: 0 done, 1 cancelled, 2 failed, 3 the program is running or cannot be replaced.

!if "${NSIS_PTR_SIZE}" != 8
  Target amd64-unicode ; the default is a 32-bit installer
!endif
Unicode true
SetCompressor /SOLID lzma
SetCompressorDictSize 64 ; both programs hold the same modules: packed once

!define NAME "CHoRUS Upload"
!define UNINSTALL "Software\Microsoft\Windows\CurrentVersion\Uninstall\${NAME}"
!define OWN "Software\CHoRUS\${NAME}"
!define CLASSES "Software\Classes"
!define PROGID "CHoRUSUpload.Configuration"
!define MACHINE_ENVIRONMENT "SYSTEM\CurrentControlSet\Control\Session Manager\Environment"

!include MUI2.nsh
!include LogicLib.nsh
!include FileFunc.nsh
!include Sections.nsh
!include WinMessages.nsh
!include StrFunc.nsh
${Using:StrFunc} UnStrRep

Name "${NAME}"
OutFile "${OUTFILE}"
RequestExecutionLevel user
ManifestDPIAware true
ManifestLongPathAware true
BrandingText "${NAME} ${VERSION}"
VIProductVersion "${VERSION}.0"
VIAddVersionKey "ProductName" "${NAME}"
VIAddVersionKey "ProductVersion" "${VERSION}"
VIAddVersionKey "FileVersion" "${VERSION}"
VIAddVersionKey "FileDescription" "${NAME} Setup"
VIAddVersionKey "CompanyName" "CHoRUS"
VIAddVersionKey "LegalCopyright" "MIT License"
!ifdef SIGN
  !uninstfinalize '${SIGN} "%1"' = 0
  !finalize '${SIGN} "%1"' = 0
!endif

Var Everyone ; 1: for all users
Var Found

!define MUI_ICON "${PROJECT}\resources\icons\chorus-upload.ico"
!define MUI_UNICON "${PROJECT}\resources\icons\chorus-upload.ico"
!define MUI_ABORTWARNING
!insertmacro MUI_PAGE_LICENSE "${PROJECT}\LICENSE"
!insertmacro MUI_PAGE_COMPONENTS
!insertmacro MUI_PAGE_DIRECTORY
!insertmacro MUI_PAGE_INSTFILES
!define MUI_FINISHPAGE_RUN "$INSTDIR\ChorusUpload.exe"
!insertmacro MUI_PAGE_FINISH
!insertmacro MUI_UNPAGE_CONFIRM
!insertmacro MUI_UNPAGE_INSTFILES
!insertmacro MUI_LANGUAGE "English"

; --- what installer and uninstaller share -----------------------------------------------------------------------------

!macro Shared un
; A running program cannot be opened for writing.
Function ${un}RefuseWhileRunning
  retry:
  StrCpy $Found ""
  ${If} ${FileExists} "$INSTDIR\ChorusUpload.exe"
    ClearErrors
    FileOpen $0 "$INSTDIR\ChorusUpload.exe" a
    ${If} ${Errors}
      StrCpy $Found "ChorusUpload.exe"
    ${Else}
      FileClose $0
    ${EndIf}
  ${EndIf}
  ${If} ${FileExists} "$INSTDIR\chorus-upload.exe"
    ClearErrors
    FileOpen $0 "$INSTDIR\chorus-upload.exe" a
    ${If} ${Errors}
      StrCpy $Found "chorus-upload.exe"
    ${Else}
      FileClose $0
    ${EndIf}
  ${EndIf}
  ${If} $Found != ""
    MessageBox MB_RETRYCANCEL|MB_ICONEXCLAMATION "$Found is running, or you are not allowed to replace it.$\n$\nClose ${NAME} and wait until scheduled jobs have ended. Then try again." /SD IDCANCEL IDRETRY retry
    SetErrorLevel 3
    Quit
  ${EndIf}
FunctionEnd

; The search path, unexpanded, in $1; $0 is "" when it may be changed.  A path that is longer than a string of
; this installer can hold is left alone: cut off, it would break other programs.
Function ${un}ReadPath
  StrCpy $0 "no"
  ${If} $Everyone == 1
    System::Call 'advapi32::RegGetValueW(p -2147483646, w "${MACHINE_ENVIRONMENT}", w "Path", i 0x10000006, p 0, p 0, *i 0 .r2) i .r3'
  ${Else}
    System::Call 'advapi32::RegGetValueW(p -2147483647, w "Environment", w "Path", i 0x10000006, p 0, p 0, *i 0 .r2) i .r3'
  ${EndIf}
  StrCpy $1 ""
  ${If} $3 == 2 ; there is none yet
    StrCpy $0 ""
    Return
  ${EndIf}
  StrLen $4 "$INSTDIR"
  IntOp $2 $2 / 2
  IntOp $2 $2 + $4
  IntOp $2 $2 + 8
  ${If} $3 != 0
  ${OrIf} $2 >= ${NSIS_MAX_STRLEN}
    DetailPrint "The search path (PATH) is too long to be changed safely. It was not changed."
    Return
  ${EndIf}
  ${If} $Everyone == 1
    ReadRegStr $1 HKLM "${MACHINE_ENVIRONMENT}" "Path"
  ${Else}
    ReadRegStr $1 HKCU "Environment" "Path"
  ${EndIf}
  StrCpy $0 ""
FunctionEnd

; Write the search path from $1 and notify every program.
Function ${un}WritePath
  ${If} $Everyone == 1
    WriteRegExpandStr HKLM "${MACHINE_ENVIRONMENT}" "Path" "$1"
  ${Else}
    WriteRegExpandStr HKCU "Environment" "Path" "$1"
  ${EndIf}
  SendMessage ${HWND_BROADCAST} ${WM_SETTINGCHANGE} 0 "STR:Environment" /TIMEOUT=2000
FunctionEnd

Function ${un}ForWhom
  SetRegView 64
  ${If} $Everyone == 1
    SetShellVarContext all
  ${Else}
    SetShellVarContext current
  ${EndIf}
FunctionEnd
!macroend
!insertmacro Shared ""
!insertmacro Shared "un."

; --- installing -------------------------------------------------------------------------------------------------------

Section "${NAME}" SecProgram
  SectionIn RO
  Call RefuseWhileRunning
  SetOutPath "$INSTDIR"
  ${If} ${FileExists} "$INSTDIR\ChorusUpload.exe" ; an upgrade: nothing of the earlier version may stay in the folders that only the program uses
    RMDir /r "$INSTDIR\_internal"
    RMDir /r "$INSTDIR\licences"
  ${EndIf}
  ClearErrors
  File /r "${SOURCE}\*"
  ${If} ${Errors}
    SetErrorLevel 2
    Abort "Could not write the files. Check the free disk space and your permissions, then start the installer again."
  ${EndIf}
  WriteUninstaller "$INSTDIR\uninstall.exe"
  CreateShortcut "$SMPROGRAMS\${NAME}.lnk" "$INSTDIR\ChorusUpload.exe" "" "$INSTDIR\ChorusUpload.exe" 0

  WriteRegStr SHCTX "${OWN}" "InstallDir" "$INSTDIR"
  WriteRegStr SHCTX "${UNINSTALL}" "DisplayName" "${NAME}"
  WriteRegStr SHCTX "${UNINSTALL}" "DisplayVersion" "${VERSION}"
  WriteRegStr SHCTX "${UNINSTALL}" "Publisher" "CHoRUS"
  WriteRegStr SHCTX "${UNINSTALL}" "DisplayIcon" "$INSTDIR\ChorusUpload.exe"
  WriteRegStr SHCTX "${UNINSTALL}" "InstallLocation" "$INSTDIR"
  WriteRegStr SHCTX "${UNINSTALL}" "UninstallString" '"$INSTDIR\uninstall.exe"'
  WriteRegStr SHCTX "${UNINSTALL}" "QuietUninstallString" '"$INSTDIR\uninstall.exe" /S'
  WriteRegDWORD SHCTX "${UNINSTALL}" "NoModify" 1
  WriteRegDWORD SHCTX "${UNINSTALL}" "NoRepair" 1
  ${GetSize} "$INSTDIR" "/S=0K" $0 $1 $2
  WriteRegDWORD SHCTX "${UNINSTALL}" "EstimatedSize" $0

  ; "Open with" for configurations, without taking .toml away from an editor
  WriteRegStr SHCTX "${CLASSES}\${PROGID}" "" "${NAME} configuration"
  WriteRegStr SHCTX "${CLASSES}\${PROGID}\DefaultIcon" "" "$INSTDIR\ChorusUpload.exe,0"
  WriteRegStr SHCTX "${CLASSES}\${PROGID}\shell\open\command" "" '"$INSTDIR\ChorusUpload.exe" "%1"'
  WriteRegStr SHCTX "${CLASSES}\.toml\OpenWithProgids" "${PROGID}" ""
  WriteRegStr SHCTX "${CLASSES}\Applications\ChorusUpload.exe" "FriendlyAppName" "${NAME}"
  WriteRegStr SHCTX "${CLASSES}\Applications\ChorusUpload.exe\SupportedTypes" ".toml" ""
  WriteRegStr SHCTX "${CLASSES}\Applications\ChorusUpload.exe\shell\open\command" "" '"$INSTDIR\ChorusUpload.exe" "%1"'
  System::Call 'shell32::SHChangeNotify(i 0x08000000, i 0, p 0, p 0)'
SectionEnd

Section /o "Desktop icon" SecDesktop
  CreateShortcut "$DESKTOP\${NAME}.lnk" "$INSTDIR\ChorusUpload.exe" "" "$INSTDIR\ChorusUpload.exe" 0
  WriteRegDWORD SHCTX "${OWN}" "Desktop" 1
SectionEnd

Section /o "Add chorus-upload to PATH" SecPath
  Call ReadPath
  ${If} $0 == ""
    System::Call 'shlwapi::StrStrIW(w ";$1;", w ";$INSTDIR;") p .r5'
    ${If} $5 == 0
      ${If} $1 != ""
        StrCpy $1 "$1;"
      ${EndIf}
      StrCpy $1 "$1$INSTDIR"
      Call WritePath
      WriteRegDWORD SHCTX "${OWN}" "Path" 1
    ${EndIf}
  ${EndIf}
SectionEnd

LangString DescProgram ${LANG_ENGLISH} "The window, and the command-line program for terminals and schedulers."
LangString DescDesktop ${LANG_ENGLISH} "Adds an icon to the desktop. The Start menu always has one."
LangString DescPath ${LANG_ENGLISH} "Batch files and terminals find chorus-upload without its folder."
!insertmacro MUI_FUNCTION_DESCRIPTION_BEGIN
  !insertmacro MUI_DESCRIPTION_TEXT ${SecProgram} $(DescProgram)
  !insertmacro MUI_DESCRIPTION_TEXT ${SecDesktop} $(DescDesktop)
  !insertmacro MUI_DESCRIPTION_TEXT ${SecPath} $(DescPath)
!insertmacro MUI_FUNCTION_DESCRIPTION_END

Function .onInit
  StrCpy $Everyone 0
  UserInfo::GetAccountType
  Pop $1
  ${If} $1 == "Admin"
    StrCpy $Everyone 1
  ${EndIf}
  ${GetParameters} $R0
  ClearErrors
  ${GetOptions} $R0 "/CURRENTUSER" $0
  ${IfNot} ${Errors}
    StrCpy $Everyone 0
  ${EndIf}
  ClearErrors
  ${GetOptions} $R0 "/ALLUSERS" $0
  ${IfNot} ${Errors}
    ${If} $1 != "Admin"
      MessageBox MB_OK|MB_ICONSTOP "Only an administrator can install ${NAME} for all users. Start the installer again as administrator." /SD IDOK
      SetErrorLevel 2
      Quit
    ${EndIf}
  ${EndIf}
  Call ForWhom
  ReadRegStr $R1 SHCTX "${OWN}" "InstallDir"
  ${If} $INSTDIR == "" ; no /D=
    StrCpy $INSTDIR $R1
  ${EndIf}
  ${If} $INSTDIR == ""
    ${If} $Everyone == 1
      StrCpy $INSTDIR "$PROGRAMFILES64\${NAME}"
    ${Else}
      StrCpy $INSTDIR "$LOCALAPPDATA\Programs\${NAME}"
    ${EndIf}
  ${EndIf}
  ReadRegDWORD $0 SHCTX "${OWN}" "Desktop"
  ClearErrors
  ${GetOptions} $R0 "/DESKTOP" $2
  ${IfNot} ${Errors}
  ${OrIf} $0 == 1
    !insertmacro SelectSection ${SecDesktop}
  ${EndIf}
  ReadRegDWORD $0 SHCTX "${OWN}" "Path"
  ClearErrors
  ${GetOptions} $R0 "/PATH" $2
  ${IfNot} ${Errors}
  ${OrIf} $0 == 1
    !insertmacro SelectSection ${SecPath}
  ${EndIf}
FunctionEnd

; --- uninstalling -----------------------------------------------------------------------------------------------------

Function un.onInit
  StrCpy $Everyone 1
  SetRegView 64
  ReadRegStr $0 HKCU "${OWN}" "InstallDir"
  ${If} $0 == $INSTDIR
    StrCpy $Everyone 0
  ${EndIf}
  Call un.ForWhom
  ${If} $Everyone == 1
  ${AndIfNot} ${Silent}
    UserInfo::GetAccountType
    Pop $0
    ${If} $0 != "Admin" ; from the list of programs: Windows asks for an administrator
      ExecShell "runas" "$INSTDIR\uninstall.exe"
      Quit
    ${EndIf}
  ${EndIf}
FunctionEnd

; Only what the installer added.  A configuration or a journal in the program's folder stays, and so does the folder.
Section "Uninstall"
  Call un.RefuseWhileRunning
  ReadRegDWORD $5 SHCTX "${OWN}" "Path"
  ${If} $5 == 1
    Call un.ReadPath
    ${If} $0 == ""
      ${UnStrRep} $1 ";$1;" ";$INSTDIR;" ";"
      StrCpy $1 $1 "" 1 ; the ";" before and after that were put there
      StrLen $2 $1
      ${If} $2 > 0
        StrCpy $1 $1 -1
      ${EndIf}
      Call un.WritePath
    ${EndIf}
  ${EndIf}
  RMDir /r "$INSTDIR\_internal"
  RMDir /r "$INSTDIR\licences"
  Delete "$INSTDIR\ChorusUpload.exe"
  Delete "$INSTDIR\chorus-upload.exe"
  Delete "$INSTDIR\uninstall.exe"
  RMDir "$INSTDIR"
  Delete "$SMPROGRAMS\${NAME}.lnk"
  Delete "$DESKTOP\${NAME}.lnk"
  DeleteRegKey SHCTX "${UNINSTALL}"
  DeleteRegKey SHCTX "${OWN}"
  DeleteRegKey /ifempty SHCTX "Software\CHoRUS"
  DeleteRegKey SHCTX "${CLASSES}\${PROGID}"
  DeleteRegKey SHCTX "${CLASSES}\Applications\ChorusUpload.exe"
  DeleteRegValue SHCTX "${CLASSES}\.toml\OpenWithProgids" "${PROGID}"
  DeleteRegKey /ifempty SHCTX "${CLASSES}\.toml\OpenWithProgids"
  DeleteRegKey /ifempty SHCTX "${CLASSES}\.toml"
  System::Call 'shell32::SHChangeNotify(i 0x08000000, i 0, p 0, p 0)'

  SetShellVarContext current
  ${GetParameters} $R0
  ClearErrors
  ${GetOptions} $R0 "/SETTINGS" $0
  ${If} ${Errors}
    MessageBox MB_YESNO|MB_ICONQUESTION|MB_DEFBUTTON2 "Remove your settings of ${NAME}, too (window size, recently opened files)?$\n$\nConfigurations, journals, receipts and logs are kept." /SD IDNO IDNO keep
  ${EndIf}
  Delete "$LOCALAPPDATA\${NAME}\window.ini"
  RMDir /r "$LOCALAPPDATA\${NAME}\instance"
  RMDir "$LOCALAPPDATA\${NAME}"
  keep:
SectionEnd
