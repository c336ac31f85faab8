@echo off
rem Made by CHoRUS Upload 0.
rem It uploads 12 files to the central store with AzCopy, and marks them as uploaded in the journal.
rem After an interruption, run it again: it continues where it stopped.
rem It needs the folder "upload.files" next to it, which has the lists of files.
setlocal EnableExtensions DisableDelayedExpansion
set "CODE_PAGE="
for /f "tokens=2 delims=:." %%C in ('"%SystemRoot%\System32\chcp.com"') do set "CODE_PAGE=%%C"
chcp 65001 >nul
call :main
set "STATUS=%ERRORLEVEL%"
if defined CODE_PAGE chcp %CODE_PAGE% >nul
exit /b %STATUS%

:main
set "LISTS=%~dp0upload.files"
set CHORUS="C:\Program Files\100%%\chorus-upload.exe" --config "D-config 100%%.toml"
if not exist "%LISTS%\" (
  echo The folder "%LISTS%" is missing. Put it next to this script.
  exit /b 2
)
call azcopy --version --skip-version-check
if not %ERRORLEVEL%==0 (
  echo AzCopy ^(azcopy^) is not installed, or not on the PATH. Ask your IT department to install it.
  exit /b 2
)

rem ---- Credentials
if not defined AZURE_SAS_TOKEN (
  echo AZURE_SAS_TOKEN is not set. Set it to the SAS token of the central store, then run this script again.
  exit /b 2
)
set "SAS="
if "%AZURE_SAS_TOKEN:~0,1%"=="?" set "AZURE_SAS_TOKEN=%AZURE_SAS_TOKEN:~1%"
set "SAS=?%AZURE_SAS_TOKEN%"
set WRITE=--overwrite=true --as-subdir=false --no-guess-mime-type --output-level=essential --skip-version-check

rem ---- Check the journal out (stops if somebody else has it, continues if an interrupted run of this script has it)
%CHORUS% script checkout
if not %ERRORLEVEL%==0 goto failed

rem ---- The files

:page0001
rem Files 1 to 5: check that some are pending, and that they are still the recorded ones
%CHORUS% script ready --file-list "%LISTS%\0001.txt"
if %ERRORLEVEL%==10 goto page0002
if not %ERRORLEVEL%==0 goto failed
set "F=D:\the site's %%20 (folder) & more"
set "N=https://choruspilotstorage.blob.core.windows.net/cont/site%%2050%%25/20260101000000%SAS%"
echo [1-5/12] "%F%"
call azcopy copy "%%F%%" "%%N%%" --from-to=LocalBlob --put-md5 --list-of-files="%%LISTS%%\0001-1.txt" %WRITE%
if not %ERRORLEVEL%==0 goto failed
%CHORUS% file mark_as_uploaded_local --upload-datetime now --file-list "%LISTS%\0001.txt"
if not %ERRORLEVEL%==0 goto failed

:page0002
rem Files 6 to 10: check that some are pending, and that they are still the recorded ones
%CHORUS% script ready --file-list "%LISTS%\0002.txt"
if %ERRORLEVEL%==10 goto page0003
if not %ERRORLEVEL%==0 goto failed
set "F=D:\the site's %%20 (folder) & more"
set "N=https://choruspilotstorage.blob.core.windows.net/cont/site%%2050%%25/20260101000000%SAS%"
echo [6-8/12] "%F%"
call azcopy copy "%%F%%" "%%N%%" --from-to=LocalBlob --put-md5 --list-of-files="%%LISTS%%\0002-1.txt" %WRITE%
if not %ERRORLEVEL%==0 goto failed
set "F=D:\the site's %%20 (folder) & more\P1\waveforms"
set "N=https://choruspilotstorage.blob.core.windows.net/cont/site%%2050%%25/20260101000000/P1/Waveforms%SAS%"
echo [9-10/12] "%F%"
call azcopy copy "%%F%%" "%%N%%" --from-to=LocalBlob --put-md5 --list-of-files="%%LISTS%%\0002-2.txt" %WRITE%
if not %ERRORLEVEL%==0 goto failed
%CHORUS% file mark_as_uploaded_local --upload-datetime now --file-list "%LISTS%\0002.txt"
if not %ERRORLEVEL%==0 goto failed

:page0003
rem Files 11 to 12: check that some are pending, and that they are still the recorded ones
%CHORUS% script ready --file-list "%LISTS%\0003.txt"
if %ERRORLEVEL%==10 goto copies
if not %ERRORLEVEL%==0 goto failed
set "F=D:\the site's %%20 (folder) & more"
set "N=https://choruspilotstorage.blob.core.windows.net/cont/site%%2050%%25/20260101000000%SAS%"
echo [11-12/12] "%F%"
call azcopy copy "%%F%%" "%%N%%" --from-to=LocalBlob --put-md5 --list-of-files="%%LISTS%%\0003-1.txt" %WRITE%
if not %ERRORLEVEL%==0 goto failed
%CHORUS% file mark_as_uploaded_local --upload-datetime now --file-list "%LISTS%\0003.txt"
if not %ERRORLEVEL%==0 goto failed

:copies
rem ---- Copy the journal to the folder of each version that received files
set "F=D-journal.db"
set "N=https://choruspilotstorage.blob.core.windows.net/cont/site%%2050%%25/20260101000000/D-journal.db%SAS%"
call azcopy copy "%%F%%" "%%N%%" --from-to=LocalBlob --put-md5 %WRITE%
if not %ERRORLEVEL%==0 goto failed

rem ---- Check the journal in, and remove the lock
%CHORUS% script checkin
if not %ERRORLEVEL%==0 goto failed

echo.
echo 12 files are in the central store, and marked as uploaded in the journal.
exit /b 0

:failed
echo.
echo STOPPED. Files that were marked as uploaded stay marked.
echo You may still have the journal checked out. Run this script again to continue,
echo or check the journal in with: chorus-upload journal checkin
exit /b 1
