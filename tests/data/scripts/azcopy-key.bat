@echo off
rem Made by CHoRUS Upload 0.
rem Sends 12 files to the central store with AzCopy, and marks in the journal what arrived.
rem It can be run again after an interruption: it goes on where it stopped.
rem The lists of files that it reads lie in "upload.files", beside it.
setlocal EnableExtensions DisableDelayedExpansion
chcp 65001 >nul

set "LISTS=%~dp0upload.files"
set CHORUS="C:\Program Files\100%%\chorus-upload.exe" --config "D-config 100%%.toml"
if not exist "%LISTS%\" (
  echo The folder "%LISTS%" is missing; it belongs to this script.
  exit /b 2
)
call azcopy --version --skip-version-check
if not %ERRORLEVEL%==0 (
  echo AzCopy ^(azcopy^) is not installed, or not on the PATH.
  exit /b 2
)

rem ---- How the store lets us in
set "SAS="
rem AzCopy takes no account key: a SAS for two days is signed with it, on this computer, and passes through a file for a moment.
%CHORUS% script sas --hours 48 > "%LISTS%\sas.txt"
if not %ERRORLEVEL%==0 goto failed
set /p SAS=< "%LISTS%\sas.txt"
del "%LISTS%\sas.txt"
set "SAS=?%SAS%"
set WRITE=--overwrite=true --as-subdir=false --no-guess-mime-type --output-level=essential --skip-version-check

rem ---- Check the journal out (stops if somebody else has it; goes on if it is ours from an interrupted run)
%CHORUS% script checkout
if not %ERRORLEVEL%==0 goto failed

rem ---- The files

:page0001
rem Files 1 to 5: is anything still to be sent, and are they the recorded ones?
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
rem Files 6 to 10: is anything still to be sent, and are they the recorded ones?
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
rem Files 11 to 12: is anything still to be sent, and are they the recorded ones?
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
rem ---- A copy of the journal into the folder of each version that received files
set "F=D-journal.db"
set "N=https://choruspilotstorage.blob.core.windows.net/cont/site%%2050%%25/20260101000000/D-journal.db%SAS%"
call azcopy copy "%%F%%" "%%N%%" --from-to=LocalBlob --put-md5 %WRITE%
if not %ERRORLEVEL%==0 goto failed

rem ---- Check the journal in; this frees the lock
%CHORUS% script checkin
if not %ERRORLEVEL%==0 goto failed

echo.
echo Done: 12 files are in the central store and marked in the journal.
exit /b 0

:failed
echo.
echo STOPPED. What was marked until now stays marked.
echo If the journal was checked out, it still is, by you: run this script again to go on,
echo or give the journal back with: chorus-upload journal checkin
exit /b 1
