; The installer of CHoRUS Upload.  makensis -DVERSION=… -DNUMBERS=N.N.N.N -DKILOBYTES=N -DSOURCE=FOLDER -DPROJECT=FOLDER
;   -DOUTFILE=FILE [-DSIGN=COMMAND]
;
; For one user, without administrator rights; for all users when it is started as administrator (or /ALLUSERS, /CURRENTUSER).
; Silent: /S, with /D=FOLDER last.  Options: /DESKTOP /PATH (an upgrade keeps what was chosen before).
; Exit status: 0 done, 1 cancelled, 2 failed, 3 the program or another installer is running, or a file cannot be replaced.  After 2 and 3 nothing has changed.
; It is not installed for all users where the MSI is, and never into the MSI's folder: that is 2, too.
;
; SOURCE has a list of its files (installed-files.txt, by build.py), which is installed, too.  Only what a list names is ever
; replaced or removed, and never a folder with what is in it.  An upgrade unpacks into a folder beside the old files, moves the old
; ones aside and the new ones in; if one cannot be moved, all are moved back.

; NSIS for Windows makes 32-bit installers only, which is right on every 64-bit Windows.  A Wine without 32 bits needs the other kind.
!if "${NSIS_PTR_SIZE}" != 8
  !if /FileExists "${NSISDIR}/Stubs/lzma_solid-amd64-unicode"
    Target amd64-unicode
  !endif
!endif
Unicode true
SetCompressor /SOLID lzma
SetCompressorDictSize 64

!define NAME "CHoRUS Upload"
!define UNINSTALL "Software\Microsoft\Windows\CurrentVersion\Uninstall\${NAME}"
!define OWN "Software\CHoRUS\${NAME}"
!define MSI "Software\CHoRUS\${NAME} MSI" ; what msi.py makes the MSI remember
!define CLASSES "Software\Classes"
!define PROGID "CHoRUSUpload.Configuration"
!define LIST "installed-files.txt"
!define HEADING "${NAME} " ; how the first line of the list begins
!define NEW "$INSTDIR\chorus-upload.new"
!define OLD "$INSTDIR\chorus-upload.old"
!define UNSET "C:\-\${NAME}"
!define MACHINE_ENVIRONMENT "SYSTEM\CurrentControlSet\Control\Session Manager\Environment"

!include MUI2.nsh
!include LogicLib.nsh
!include FileFunc.nsh
!include Sections.nsh
!include WinMessages.nsh
!include StrFunc.nsh
${Using:StrFunc} StrRep
${Using:StrFunc} UnStrRep

Name "${NAME}"
OutFile "${OUTFILE}"
InstallDir "${UNSET}" ; the wizard adds its last part to a folder that a person selects
RequestExecutionLevel user
ManifestDPIAware true
ManifestLongPathAware true
BrandingText "${NAME} ${VERSION}"
VIProductVersion "${NUMBERS}"
VIAddVersionKey "ProductName" "${NAME}"
VIAddVersionKey "ProductVersion" "${VERSION}"
VIAddVersionKey "FileVersion" "${VERSION}"
VIAddVersionKey "FileDescription" "${NAME} Setup"
VIAddVersionKey "CompanyName" "CHoRUS"
VIAddVersionKey "LegalCopyright" "MIT License"
!ifdef SIGN
  !uninstfinalize `${SIGN} "%1"` = 0
  !finalize `${SIGN} "%1"` = 0
!endif

Var Everyone ; 1: for all users
Var Found ; a file that cannot be replaced, "" if all can
Var Options ; what was given, with a space before and after each
Var Former ; the folder of the installation that is registered, "" if there is none
Var Packaged ; the folder of the MSI, without a backslash at the end, "" if it is not installed
Var Where ; for whom it is installed, for the wizard
Var Back ; 1: while files are moved back
Var PathKind ; how the search path is stored: 1 as it is, 2 with variables in it

!define MUI_ICON "${PROJECT}\resources\icons\chorus-upload.ico"
!define MUI_UNICON "${PROJECT}\resources\icons\chorus-upload.ico"
!define MUI_WELCOMEFINISHPAGE_BITMAP "${PROJECT}\installer\wizard.bmp"
!define MUI_ABORTWARNING
!insertmacro MUI_PAGE_LICENSE "${PROJECT}\LICENSE"
!insertmacro MUI_PAGE_COMPONENTS
!define MUI_DIRECTORYPAGE_TEXT_TOP "$Where"
!define MUI_PAGE_CUSTOMFUNCTION_LEAVE OwnFolder
!insertmacro MUI_PAGE_DIRECTORY
!insertmacro MUI_PAGE_INSTFILES
!define MUI_FINISHPAGE_RUN "$INSTDIR\ChorusUpload.exe"
!insertmacro MUI_PAGE_FINISH
!insertmacro MUI_UNPAGE_CONFIRM
!insertmacro MUI_UNPAGE_INSTFILES
!insertmacro MUI_LANGUAGE "English"

; Whether an option was given: $R0 is 1 or 0.
!macro Given option
  System::Call 'shlwapi::StrStrIW(w "$Options", w " ${option} ") p .R1'
  StrCpy $R0 0
  ${If} $R1 P<> 0
    StrCpy $R0 1
  ${EndIf}
!macroend

; --- what installer and uninstaller share -----------------------------------------------------------------------------

!macro Shared un replace
; The options that were given, in $Options.  $0: those that there are.  A misspelt one must not do something else.
Function ${un}ReadOptions
  ${GetParameters} $R0
  StrCpy $Options " "
  ${Do}
    StrCpy $R1 $R0 1
    ${If} $R1 == " "
      StrCpy $R0 $R0 "" 1
      ${Continue}
    ${EndIf}
    ${If} $R0 == ""
      ${Break}
    ${EndIf}
    StrCpy $R2 0
    ${Do}
      StrCpy $R1 $R0 1 $R2
      ${If} $R1 == " "
      ${OrIf} $R1 == ""
        ${Break}
      ${EndIf}
      IntOp $R2 $R2 + 1
    ${Loop}
    StrCpy $R1 $R0 $R2
    StrCpy $R0 $R0 "" $R2
    StrCpy $R3 $R1 3
    ${If} $R3 == "_?=" ; the uninstaller's own: a folder, to the end
      ${Break}
    ${EndIf}
    System::Call 'shlwapi::StrStrIW(w r0, w " $R1 ") p .R3'
    ${If} $R3 P= 0
    ${OrIf} $R1 S== "/s"
      MessageBox MB_OK|MB_ICONSTOP "There is no option $R1.$\n$\nOptions:$0" /SD IDOK
      SetErrorLevel 2
      Quit
    ${EndIf}
    StrCpy $Options "$Options$R1 "
  ${Loop}
FunctionEnd

; Whether the list in the folder $R0 is one of this installer: $R1 is 1 or 0.
Function ${un}IsOurs
  StrCpy $R1 0
  ClearErrors
  FileOpen $R9 "$R0\${LIST}" r
  ${IfNot} ${Errors}
    FileRead $R9 $R8
    FileClose $R9
    StrLen $R7 "${HEADING}"
    StrCpy $R8 $R8 $R7
    ${If} $R8 == "${HEADING}"
      StrCpy $R1 1
    ${EndIf}
  ${EndIf}
FunctionEnd

; The next line of the list that is open in $R9, in $R8; "" at its end.  A line that leads out of the folder, or is a pattern, is left out.
Function ${un}NextLine
  ${Do}
    ClearErrors
    FileRead $R9 $R8
    ${If} ${Errors}
      StrCpy $R8 ""
      Return
    ${EndIf}
    ${Do}
      StrCpy $R7 $R8 1 -1
      ${If} $R7 != "$\r"
      ${AndIf} $R7 != "$\n"
        ${Break}
      ${EndIf}
      StrCpy $R8 $R8 -1
    ${Loop}
    StrCpy $R7 $R8 1
    System::Call 'shlwapi::StrStrIW(w R8, w "..") p .R6'
    ${If} $R8 != ""
    ${AndIf} $R7 != "\"
    ${AndIf} $R6 P= 0
      System::Call 'shlwapi::StrCSpnW(w R8, w ":*?/") i .R5' ; how many characters come before one of these
      StrLen $R6 $R8
      ${If} $R5 == $R6
        Return
      ${EndIf}
    ${EndIf}
  ${Loop}
FunctionEnd

; The first file of the list in the folder $R0 that another program has open, in $Found.
Function ${un}FindBusy
  StrCpy $Found ""
  ClearErrors
  FileOpen $R9 "$R0\${LIST}" r
  ${If} ${Errors}
    Return
  ${EndIf}
  FileRead $R9 $R8 ; the heading
  ${Do}
    Call ${un}NextLine
    ${If} $R8 == ""
      ${Break}
    ${EndIf}
    StrCpy $R7 $R8 1 -1
    ${If} $R7 != "\"
    ${AndIf} $R8 != "uninstall.exe" ; it may be what runs
    ${AndIf} ${FileExists} "$R0\$R8"
      ; to read, write and delete, shared with nobody
      System::Call 'kernel32::CreateFileW(w "$R0\$R8", i 0xC0010000, i 0, p 0, i 3, i 0x80, p 0) p .R7'
      ${If} $R7 P= -1
        StrCpy $Found $R8
        ${Break}
      ${EndIf}
      System::Call 'kernel32::CloseHandle(p R7)'
    ${EndIf}
  ${Loop}
  FileClose $R9
FunctionEnd

; Ends the installer if a file of the installation in the folder $R0 cannot be replaced.
Function ${un}RefuseWhileBusy
  again:
  StrCpy $R4 0
  ${Do}
    Call ${un}FindBusy
    ${If} $Found == ""
      Return
    ${EndIf}
    IntOp $R4 $R4 + 1
    ${If} $R4 > 4 ; a virus scanner looks at a file for a moment
      ${Break}
    ${EndIf}
    Sleep 500
  ${Loop}
  MessageBox MB_RETRYCANCEL|MB_ICONEXCLAMATION "$Found is used by a program, or you are not allowed to replace it. Nothing was changed.$\n$\nClose ${NAME} and wait until scheduled jobs have ended. Then try again." /SD IDCANCEL IDRETRY again
  SetErrorLevel 3
  Quit
FunctionEnd

; Delete the file $R8 in the folder $R0; $Found: it is left.  A virus scanner can have it open for a moment, so the first one that cannot be deleted is tried again.
Function ${un}DeleteOne
  StrCpy $R7 0
  ${Do}
    Delete "$R0\$R8"
    ${IfNot} ${FileExists} "$R0\$R8"
      Return
    ${EndIf}
    IntOp $R7 $R7 + 1
    ${If} $Found != ""
    ${OrIf} $R7 > 10
      StrCpy $Found $R8
      Return
    ${EndIf}
    Sleep 500
  ${Loop}
FunctionEnd

; Remove what the list in the folder $R0 names, and the list; then the folders that are empty.  $Found: a file that is left.
Function ${un}RemoveListed
  StrCpy $Found ""
  ClearErrors
  FileOpen $R9 "$R0\${LIST}" r
  ${If} ${Errors}
    Return
  ${EndIf}
  FileRead $R9 $R8
  ${Do}
    Call ${un}NextLine
    ${If} $R8 == ""
      ${Break}
    ${EndIf}
    StrCpy $R7 $R8 1 -1
    ${If} $R7 == "\" ; after all files: the folders, from the inside
      StrCpy $R8 $R8 -1
      RMDir "$R0\$R8"
    ${Else}
      Call ${un}DeleteOne
    ${EndIf}
  ${Loop}
  FileClose $R9
  ${If} $Found == ""
    StrCpy $R8 "${LIST}"
    Call ${un}DeleteOne
    RMDir "$R0"
  ${EndIf}
FunctionEnd

; The search path, unexpanded, in $1; $0 is "" when it may be changed.  A path that is longer than a string of
; this installer can hold is left alone: cut off, it would break other programs.  So is one that was not read completely.
Function ${un}ReadPath
  StrCpy $0 "no"
  ${If} $Everyone == 1
    System::Call 'advapi32::RegGetValueW(p -2147483646, w "${MACHINE_ENVIRONMENT}", w "Path", i 0x10000006, *i 0 r5, p 0, *i 0 r2) i .r3'
  ${Else}
    System::Call 'advapi32::RegGetValueW(p -2147483647, w "Environment", w "Path", i 0x10000006, *i 0 r5, p 0, *i 0 r2) i .r3'
  ${EndIf}
  StrCpy $PathKind $5
  StrCpy $1 ""
  ${If} $3 == 2 ; there is none yet
    StrCpy $PathKind 2 ; REG_EXPAND_SZ
    StrCpy $0 ""
    Return
  ${EndIf}
  StrLen $4 "$INSTDIR"
  IntOp $2 $2 / 2 ; characters, with one at the end
  IntOp $4 $4 + $2
  IntOp $4 $4 + 8
  ${If} $3 == 0
  ${AndIf} $2 > 0
  ${AndIf} $4 < ${NSIS_MAX_STRLEN}
    ClearErrors
    ${If} $Everyone == 1
      ReadRegStr $1 HKLM "${MACHINE_ENVIRONMENT}" "Path"
    ${Else}
      ReadRegStr $1 HKCU "Environment" "Path"
    ${EndIf}
    StrLen $4 $1
    IntOp $2 $2 - $4
    ${IfNot} ${Errors}
    ${AndIf} $2 >= 0
    ${AndIf} $2 <= 2 ; the character at the end, if it was stored, and if it is counted
      StrCpy $0 ""
      Return
    ${EndIf}
  ${EndIf}
  DetailPrint "The search path (PATH) is too long to be changed safely. It was not changed."
FunctionEnd

; Write the search path from $1, as the kind of text that it was, and notify every program.
Function ${un}WritePath
  ${If} $Everyone == 1
    ${If} $PathKind == 1
      WriteRegStr HKLM "${MACHINE_ENVIRONMENT}" "Path" "$1"
    ${Else}
      WriteRegExpandStr HKLM "${MACHINE_ENVIRONMENT}" "Path" "$1"
    ${EndIf}
  ${ElseIf} $PathKind == 1
    WriteRegStr HKCU "Environment" "Path" "$1"
  ${Else}
    WriteRegExpandStr HKCU "Environment" "Path" "$1"
  ${EndIf}
  SendMessage ${HWND_BROADCAST} ${WM_SETTINGCHANGE} 0 "STR:Environment" /TIMEOUT=2000
FunctionEnd

; Take the folder $R0 off the search path.
Function ${un}LeavePath
  Call ${un}ReadPath
  ${If} $0 == ""
    StrCpy $2 $1
    ${${replace}} $1 ";$1;" ";$R0;" ";"
    StrCpy $1 $1 "" 1 ; the ";" before and after that were put there
    StrLen $3 $1
    ${If} $3 > 0
      StrCpy $1 $1 -1
    ${EndIf}
    ${If} $1 != $2
      Call ${un}WritePath
    ${EndIf}
  ${EndIf}
FunctionEnd

; One installer or uninstaller at a time on this computer.  Windows releases the mark when the process ends, however it ends.
Function ${un}Alone
  System::Call 'kernel32::CreateMutexW(p 0, i 0, w "Global\${NAME} Setup") p .R0 ?e'
  Pop $R1
  ${If} $R0 P= 0 ; another user's
  ${OrIf} $R1 = 183 ; ERROR_ALREADY_EXISTS
    MessageBox MB_OK|MB_ICONEXCLAMATION "${NAME} is being installed or removed by another process. Nothing was changed. Wait until it has ended, then start again." /SD IDOK
    SetErrorLevel 3
    Quit
  ${EndIf}
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
!insertmacro Shared "" StrRep
!insertmacro Shared "un." UnStrRep

; --- installing -------------------------------------------------------------------------------------------------------

; A folder of its own: one that has other things in it gets one inside.
Function OwnFolder
  ${Do}
    StrCpy $R1 $INSTDIR 1 -1
    ${If} $R1 != "\"
      ${Break}
    ${EndIf}
    StrCpy $INSTDIR $INSTDIR -1
  ${Loop}
  StrCpy $R0 $INSTDIR
  Call IsOurs
  ${If} $R1 == 1
    Return
  ${EndIf}
  ${GetFileName} $INSTDIR $R1
  ${If} $R1 == "${NAME}"
    Return
  ${EndIf}
  ClearErrors
  FindFirst $R2 $R3 "$INSTDIR\*.*"
  ${Do}
    ${If} ${Errors}
    ${OrIf} $R3 == ""
      ${Break}
    ${EndIf}
    ${If} $R3 != "."
    ${AndIf} $R3 != ".."
      StrCpy $INSTDIR "$INSTDIR\${NAME}"
      ${Break}
    ${EndIf}
    FindNext $R2 $R3
  ${Loop}
  FindClose $R2
FunctionEnd

; Move the files of the list $R1 from the folder $R2 to the folder $R3.  Forward it stops at a file that cannot be moved ($Found);
; $Back: what is in the other folder already is left out.
Function MoveListed
  StrCpy $Found ""
  ClearErrors
  FileOpen $R9 $R1 r
  ${If} ${Errors}
    Return
  ${EndIf}
  FileRead $R9 $R8
  ${Do}
    Call NextLine
    ${If} $R8 == ""
      ${Break}
    ${EndIf}
    StrCpy $R7 $R8 1 -1
    ${If} $R7 != "\"
    ${AndIf} ${FileExists} "$R2\$R8"
      ${If} ${FileExists} "$R3\$R8"
        ${If} $Back != 1
          StrCpy $Found $R8
          ${Break}
        ${EndIf}
      ${Else}
        ${GetParent} "$R3\$R8" $R6
        CreateDirectory $R6
        ClearErrors
        Rename "$R2\$R8" "$R3\$R8"
        ${If} ${Errors}
        ${AndIf} $Back != 1
          StrCpy $Found $R8
          ${Break}
        ${EndIf}
      ${EndIf}
    ${EndIf}
  ${Loop}
  FileClose $R9
FunctionEnd

; Remove the empty folders of the list $R0 in the folder $R2.
Function RemoveEmpty
  ClearErrors
  FileOpen $R9 $R0 r
  ${If} ${Errors}
    Return
  ${EndIf}
  FileRead $R9 $R8
  ${Do}
    Call NextLine
    ${If} $R8 == ""
      ${Break}
    ${EndIf}
    StrCpy $R7 $R8 1 -1
    ${If} $R7 == "\"
      StrCpy $R8 $R8 -1
      RMDir "$R2\$R8"
    ${EndIf}
  ${Loop}
  FileClose $R9
FunctionEnd

; As it was before: also at the beginning, if an earlier run was ended in the middle.  ${NEW}.moving exists while files are moved.
Function RollBack
  StrCpy $R5 $Found
  ${If} ${FileExists} "${NEW}.moving"
    StrCpy $Back 1
    ${If} ${FileExists} "$INSTDIR\${LIST}"
    ${AndIf} ${FileExists} "${OLD}\${LIST}"
      Rename "$INSTDIR\${LIST}" "${NEW}\${LIST}"
    ${EndIf}
    StrCpy $R1 "${NEW}\${LIST}"
    StrCpy $R2 "$INSTDIR"
    StrCpy $R3 "${NEW}"
    ${If} ${FileExists} "${NEW}.in"
      Push $R5
      Call MoveListed
      StrCpy $R0 "${NEW}\${LIST}"
      Call RemoveEmpty
      Pop $R5
    ${EndIf}
    ${IfNot} ${FileExists} "$INSTDIR\${LIST}"
      Rename "${OLD}\${LIST}" "$INSTDIR\${LIST}"
    ${EndIf}
    StrCpy $R1 "$INSTDIR\${LIST}"
    StrCpy $R2 "${OLD}"
    StrCpy $R3 "$INSTDIR"
    Push $R5
    Call MoveListed
    StrCpy $R0 "$INSTDIR\${LIST}"
    StrCpy $R2 "${OLD}"
    Call RemoveEmpty
    Pop $R5
    RMDir "${OLD}"
    StrCpy $Back 0
    Delete "${NEW}.in"
    Delete "${NEW}.moving"
  ${EndIf}
  ${If} ${FileExists} "${OLD}\${LIST}" ; finished, but for this
    StrCpy $R0 "${OLD}"
    Push $R5
    Call RemoveListed
    Pop $R5
  ${EndIf}
  StrCpy $R0 "${NEW}"
  Push $R5
  Call RemoveListed
  Pop $R5
  RMDir "${NEW}"
  StrCpy $Found $R5
FunctionEnd

!macro Fail text
  SetOutPath "$TEMP" ; the current folder cannot be removed
  Call RollBack
  RMDir "$INSTDIR"
  DetailPrint "${text}"
  MessageBox MB_OK|MB_ICONSTOP "${text}" /SD IDOK
  SetErrorLevel 2
  Abort "${text}"
!macroend

Section "${NAME}" SecProgram
  SectionIn RO
  Call OwnFolder
  ${If} $Everyone == 1
    ReadRegStr $0 HKCU "${OWN}" "InstallDir"
  ${Else}
    ReadRegStr $0 HKLM "${OWN}" "InstallDir"
  ${EndIf}
  ${If} $0 == $INSTDIR
  ${OrIf} $Packaged == $INSTDIR
    MessageBox MB_OK|MB_ICONSTOP "$INSTDIR contains another installation of ${NAME}, which is registered for others. Choose another folder." /SD IDOK
    SetErrorLevel 2
    Quit
  ${EndIf}
  StrCpy $Found ""
  Call RollBack
  ${If} ${FileExists} "${NEW}\*.*"
    MessageBox MB_OK|MB_ICONSTOP "${NEW} contains files of another program. Nothing was changed. Move them, or choose another folder." /SD IDOK
    SetErrorLevel 2
    Quit
  ${EndIf}
  Delete "${NEW}.in"
  StrCpy $R0 $INSTDIR
  Call IsOurs
  ${If} $R1 == 0
  ${AndIf} $Former == $INSTDIR
  ${AndIf} ${FileExists} "$INSTDIR\ChorusUpload.exe" ; an installation that lost its list: what has our names is ours
    SetOutPath "$INSTDIR"
    File "${SOURCE}\${LIST}"
  ${EndIf}
  Call RefuseWhileBusy
  ${If} $Former != ""
  ${AndIf} $Former != $INSTDIR
    StrCpy $R0 $Former
    Call RefuseWhileBusy
  ${EndIf}

  ClearErrors
  SetOutPath "${NEW}"
  File "${SOURCE}\${LIST}"
  File /r /x "${LIST}" "${SOURCE}\*"
  WriteUninstaller "${NEW}\uninstall.exe"
  SetOutPath "$INSTDIR"
  ${If} ${Errors}
    !insertmacro Fail "Could not write the files into $INSTDIR. Nothing was changed. Check the free disk space and your permissions, then start the installer again."
  ${EndIf}

  FileOpen $0 "${NEW}.moving" w
  FileClose $0
  StrCpy $R0 $INSTDIR
  Call IsOurs
  ${If} $R1 == 1
    StrCpy $R1 "$INSTDIR\${LIST}"
    StrCpy $R2 "$INSTDIR"
    StrCpy $R3 "${OLD}"
    CreateDirectory "${OLD}"
    Call MoveListed
    ${If} $Found == ""
      ClearErrors
      Rename "$INSTDIR\${LIST}" "${OLD}\${LIST}"
      ${If} ${Errors}
        StrCpy $Found "${LIST}"
      ${Else}
        StrCpy $R0 "${OLD}\${LIST}"
        StrCpy $R2 "$INSTDIR"
        Call RemoveEmpty
      ${EndIf}
    ${EndIf}
    ${If} $Found != ""
      Call RollBack
      MessageBox MB_OK|MB_ICONSTOP "$Found cannot be replaced. Nothing was changed. Close the program that uses it, then start the installer again." /SD IDOK
      SetErrorLevel 3
      Abort
    ${EndIf}
  ${EndIf}
  FileOpen $0 "${NEW}.in" w
  FileClose $0
  StrCpy $R1 "${NEW}\${LIST}"
  StrCpy $R2 "${NEW}"
  StrCpy $R3 "$INSTDIR"
  Call MoveListed
  ${If} $Found == ""
    ClearErrors
    Rename "${NEW}\${LIST}" "$INSTDIR\${LIST}"
    ${If} ${Errors}
      StrCpy $Found "${LIST}"
    ${EndIf}
  ${EndIf}
  ${If} $Found != ""
    !insertmacro Fail "$INSTDIR has a file $Found of another program. Nothing was changed. Choose another folder."
  ${EndIf}
  Delete "${NEW}.moving"
  Delete "${NEW}.in"
  StrCpy $R0 "$INSTDIR\${LIST}"
  StrCpy $R2 "${NEW}"
  Call RemoveEmpty
  RMDir "${NEW}"
  StrCpy $R0 "${OLD}"
  Call RemoveListed

  ; the installation in another folder, which this one replaces
  ReadRegDWORD $R4 SHCTX "${OWN}" "Path"
  ${If} $Former != ""
    ${If} $R4 == 1
      StrCpy $R0 $Former
      Call LeavePath
      DeleteRegValue SHCTX "${OWN}" "Path"
    ${EndIf}
    ${If} $Former != $INSTDIR
      StrCpy $R0 $Former
      Call IsOurs
      ${If} $R1 == 1
        Call RemoveListed
      ${EndIf}
    ${EndIf}
  ${EndIf}
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
  WriteRegDWORD SHCTX "${UNINSTALL}" "EstimatedSize" ${KILOBYTES}

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
  System::Call 'shlwapi::StrCSpnW(w "$INSTDIR", w ";%") i .r2'
  StrLen $3 $INSTDIR
  ${If} $2 != $3
    StrCpy $0 "no"
    DetailPrint "The folder's name has a character that the search path (PATH) cannot have. It was not changed."
  ${EndIf}
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

Section "-What was selected before"
  ReadRegDWORD $R4 SHCTX "${OWN}" "Desktop"
  ${If} $R4 == 1
  ${AndIfNot} ${SectionIsSelected} ${SecDesktop}
    Delete "$DESKTOP\${NAME}.lnk"
    DeleteRegValue SHCTX "${OWN}" "Desktop"
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
  StrCpy $0 " /S /ALLUSERS /CURRENTUSER /DESKTOP /PATH /NCRC "
  Call ReadOptions
  StrCpy $Everyone 0
  UserInfo::GetAccountType
  Pop $1
  ${If} $1 == "Admin"
    StrCpy $Everyone 1
  ${EndIf}
  !insertmacro Given "/CURRENTUSER"
  ${If} $R0 == 1
    StrCpy $Everyone 0
  ${EndIf}
  !insertmacro Given "/ALLUSERS"
  ${If} $R0 == 1
    ${If} $1 != "Admin"
      MessageBox MB_OK|MB_ICONSTOP "Only an administrator can install ${NAME} for all users. Start the installer again as administrator." /SD IDOK
      SetErrorLevel 2
      Quit
    ${EndIf}
    StrCpy $Everyone 1
  ${EndIf}
  Call Alone
  Call ForWhom
  ReadRegStr $Packaged HKLM "${MSI}" "InstallDir"
  StrCpy $2 $Packaged 1 -1
  ${If} $2 == "\"
    StrCpy $Packaged $Packaged -1
  ${EndIf}
  ${If} $Packaged != ""
  ${AndIf} $Everyone == 1
    MessageBox MB_OK|MB_ICONSTOP "${NAME} was installed for all users with its MSI, in $Packaged. Nothing was changed.$\n$\nUninstall it first, or upgrade it with a newer MSI. To install for yourself alone, start this installer with /CURRENTUSER." /SD IDOK
    SetErrorLevel 2
    Quit
  ${EndIf}
  ReadRegStr $Former SHCTX "${OWN}" "InstallDir"
  System::Call 'kernel32::GetCommandLineW() t .r0'
  System::Call 'shlwapi::StrStrIW(w r0, w " /D=") p .r2'
  ${If} $INSTDIR == "${UNSET}"
  ${AndIf} $2 P<> 0 ; NSIS leaves out a folder that it cannot use, such as C:/folder
    MessageBox MB_OK|MB_ICONSTOP "/D= needs a whole path, such as C:\Folder or \\server\share\Folder." /SD IDOK
    SetErrorLevel 2
    Quit
  ${EndIf}
  ${If} $INSTDIR == "${UNSET}" ; no /D=
    ${If} $Former != ""
      StrCpy $INSTDIR $Former
    ${ElseIf} $Everyone == 1
      StrCpy $INSTDIR "$PROGRAMFILES64\${NAME}"
    ${Else}
      StrCpy $INSTDIR "$LOCALAPPDATA\Programs\${NAME}"
    ${EndIf}
  ${EndIf}
  ${If} $Everyone == 1
    StrCpy $Where "${NAME} ${VERSION} will be installed for all users of this computer."
    ReadRegStr $0 HKCU "${OWN}" "InstallDir"
  ${Else}
    StrCpy $Where "${NAME} ${VERSION} will be installed for you. Other users of this computer will not see it."
    ReadRegStr $0 HKLM "${OWN}" "InstallDir"
  ${EndIf}
  ${If} $0 == ""
    StrCpy $0 $Packaged
  ${EndIf}
  ${If} $0 != ""
    StrCpy $Where "$Where Another installation, in $0, stays."
  ${EndIf}
  ReadRegDWORD $0 SHCTX "${OWN}" "Desktop"
  !insertmacro Given "/DESKTOP"
  ${If} $R0 == 1
  ${OrIf} $0 == 1
    !insertmacro SelectSection ${SecDesktop}
  ${EndIf}
  ReadRegDWORD $0 SHCTX "${OWN}" "Path"
  !insertmacro Given "/PATH"
  ${If} $R0 == 1
  ${OrIf} $0 == 1
    !insertmacro SelectSection ${SecPath}
  ${EndIf}
FunctionEnd

; --- uninstalling -----------------------------------------------------------------------------------------------------

Function un.onInit
  StrCpy $0 " /S /SETTINGS /PURGE "
  Call un.ReadOptions
  StrCpy $Everyone 1
  SetRegView 64
  ReadRegStr $0 HKCU "${OWN}" "InstallDir"
  ${If} $0 == $INSTDIR
    StrCpy $Everyone 0
  ${EndIf}
  Call un.ForWhom
  ReadRegStr $Former SHCTX "${OWN}" "InstallDir" ; another folder: this is a copy that nobody registered
  ${If} $Former == $INSTDIR
  ${AndIf} $Everyone == 1
  ${AndIfNot} ${Silent}
    UserInfo::GetAccountType
    Pop $0
    ${If} $0 != "Admin" ; from the list of programs: Windows asks for an administrator
      ExecShell "runas" "$INSTDIR\uninstall.exe" "$Options"
      Quit
    ${EndIf}
  ${EndIf}
  Call un.Alone
FunctionEnd

; Only what the installer added.  A configuration or a journal in the program's folder stays, and so does the folder.
Section "Uninstall"
  StrCpy $R0 $INSTDIR
  Call un.IsOurs
  ${If} $R1 == 0
    MessageBox MB_OK|MB_ICONSTOP "The list of what was installed, $INSTDIR\${LIST}, is missing. Nothing was removed. Install ${NAME} again in this folder, then remove it." /SD IDOK
    SetErrorLevel 2
    Quit
  ${EndIf}
  Call un.RefuseWhileBusy
  !insertmacro Given "/PURGE"
  ${If} $R0 == 1
    nsExec::Exec '"$INSTDIR\chorus-upload.exe" purge --yes'
    Pop $0
    ${If} $0 != 0
      MessageBox MB_OK|MB_ICONSTOP "Your data could not be removed completely. Nothing else was removed. “chorus-upload purge” shows the reason." /SD IDOK
      SetErrorLevel 2
      Quit
    ${EndIf}
  ${EndIf}
  ${If} $Former == $INSTDIR
    ReadRegDWORD $5 SHCTX "${OWN}" "Path"
    ${If} $5 == 1
      StrCpy $R0 $INSTDIR
      Call un.LeavePath
    ${EndIf}
    ReadRegDWORD $5 SHCTX "${OWN}" "Desktop"
    ${If} $5 == 1
      Delete "$DESKTOP\${NAME}.lnk"
    ${EndIf}
    Delete "$SMPROGRAMS\${NAME}.lnk"
    DeleteRegKey SHCTX "${UNINSTALL}"
    DeleteRegKey SHCTX "${OWN}"
    DeleteRegKey /ifempty SHCTX "Software\CHoRUS"
    DeleteRegKey SHCTX "${CLASSES}\${PROGID}"
    DeleteRegKey SHCTX "${CLASSES}\Applications\ChorusUpload.exe"
    DeleteRegValue SHCTX "${CLASSES}\.toml\OpenWithProgids" "${PROGID}"
    DeleteRegKey /ifempty SHCTX "${CLASSES}\.toml\OpenWithProgids"
    DeleteRegKey /ifempty SHCTX "${CLASSES}\.toml"
    System::Call 'shell32::SHChangeNotify(i 0x08000000, i 0, p 0, p 0)'
  ${EndIf}
  StrCpy $R0 $INSTDIR
  Call un.RemoveListed
  ${If} $Found != ""
    SetErrorLevel 2
  ${EndIf}

  SetShellVarContext current
  !insertmacro Given "/PURGE"
  StrCpy $0 $R0
  !insertmacro Given "/SETTINGS"
  ${If} $R0 == 0
  ${AndIf} $0 == 0
    MessageBox MB_YESNO|MB_ICONQUESTION|MB_DEFBUTTON2 "Remove your settings of ${NAME}, too (window size, recently opened files)?$\n$\nConfigurations, journals, receipts and logs are kept." /SD IDNO IDNO keep
  ${EndIf}
  Delete "$LOCALAPPDATA\${NAME}\window.ini"
  Delete "$LOCALAPPDATA\${NAME}\instance\raise.json"
  Delete "$LOCALAPPDATA\${NAME}\instance\window.lock"
  RMDir "$LOCALAPPDATA\${NAME}\instance"
  RMDir "$LOCALAPPDATA\${NAME}"
  keep:
SectionEnd
