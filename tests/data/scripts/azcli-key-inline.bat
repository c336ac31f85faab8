@echo off
rem Made by CHoRUS Upload 0.
rem It uploads 12 files to the central store with the Azure CLI (az), and marks them as uploaded in the journal.
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
call az version --output none
if not %ERRORLEVEL%==0 (
  echo The Azure CLI ^(az^) is not installed, or not on the PATH. Ask your IT department to install it.
  exit /b 2
)

rem ---- Credentials
set "AZURE_ACCOUNT_KEY=a2V5%%=="
set "AZURE_STORAGE_CONNECTION_STRING="
set "AZURE_STORAGE_KEY="
set "AZURE_STORAGE_SAS_TOKEN="
set "AZURE_STORAGE_AUTH_MODE="
set "AZURE_CORE_COLLECT_TELEMETRY=0"
set "AZURE_CORE_ONLY_SHOW_ERRORS=1"
rem Requested when this script was made (--no-verify-tls): az does NOT verify the server's certificate.
set "AZURE_CLI_DISABLE_CONNECTION_VERIFICATION=1"
set "AZURE_STORAGE_KEY=%AZURE_ACCOUNT_KEY%"
set STORE=--account-name choruspilotstorage --auth-mode key
set WRITE=--content-type application/octet-stream --overwrite true --validate-content --no-progress --output none

rem ---- Check the journal out (stops if somebody else has it, continues if an interrupted run of this script has it)
%CHORUS% script checkout
if not %ERRORLEVEL%==0 goto failed

rem ---- The files

:page0001
rem Files 1 to 5: check that some are pending, and that they are still the recorded ones
%CHORUS% script ready --file-list "%LISTS%\0001.txt"
if %ERRORLEVEL%==10 goto page0002
if not %ERRORLEVEL%==0 goto failed
set "F=D:\the site's %%20 (folder) & more\OMOP\PERSON.csv"
set "N=site 50%%/20260101000000/OMOP/PERSON.csv"
echo [1/12] "%F%"
call az storage blob upload %STORE% --container-name cont --file "%%F%%" --name "%%N%%" --content-md5 "AAAAAAAAAAAAAAAAAAAAAQ==" %WRITE%
if not %ERRORLEVEL%==0 goto failed
set "F=D:\the site's %%20 (folder) & more\OMOP\50%% of it, 100%%25 & more (1).csv"
set "N=site 50%%/20260101000000/OMOP/50%% of it, 100%%25 & more (1).csv"
echo [2/12] "%F%"
call az storage blob upload %STORE% --container-name cont --file "%%F%%" --name "%%N%%" --content-md5 "AAAAAAAAAAAAAAAAAAAAAg==" %WRITE%
if not %ERRORLEVEL%==0 goto failed
set "F=D:\the site's %%20 (folder) & more\P1\Images\bang!^caret.dcm"
set "N=site 50%%/20260101000000/P1/Images/bang!^caret.dcm"
echo [3/12] "%F%"
call az storage blob upload %STORE% --container-name cont --file "%%F%%" --name "%%N%%" --content-md5 "AAAAAAAAAAAAAAAAAAAAAw==" %WRITE%
if not %ERRORLEVEL%==0 goto failed
set "F=D:\the site's %%20 (folder) & more\P1\Images\ünïcode 日本.dcm"
set "N=site 50%%/20260101000000/P1/Images/ünïcode 日本.dcm"
echo [4/12] "%F%"
call az storage blob upload %STORE% --container-name cont --file "%%F%%" --name "%%N%%" --content-md5 "AAAAAAAAAAAAAAAAAAAABA==" %WRITE%
if not %ERRORLEVEL%==0 goto failed
set "F=D:\the site's %%20 (folder) & more\P1\Images\it's.dcm"
set "N=site 50%%/20260101000000/P1/Images/it's.dcm"
echo [5/12] "%F%"
call az storage blob upload %STORE% --container-name cont --file "%%F%%" --name "%%N%%" --content-md5 "AAAAAAAAAAAAAAAAAAAABQ==" %WRITE%
if not %ERRORLEVEL%==0 goto failed
%CHORUS% file mark_as_uploaded_local --upload-datetime now --file-list "%LISTS%\0001.txt"
if not %ERRORLEVEL%==0 goto failed

:page0002
rem Files 6 to 10: check that some are pending, and that they are still the recorded ones
%CHORUS% script ready --file-list "%LISTS%\0002.txt"
if %ERRORLEVEL%==10 goto page0003
if not %ERRORLEVEL%==0 goto failed
set "F=D:\the site's %%20 (folder) & more\P1\Images\#hash;semi,comma=$HOME`x`+[1]{2}~@.dcm"
set "N=site 50%%/20260101000000/P1/Images/#hash;semi,comma=$HOME`x`+[1]{2}~@.dcm"
echo [6/12] "%F%"
call az storage blob upload %STORE% --container-name cont --file "%%F%%" --name "%%N%%" --content-md5 "AAAAAAAAAAAAAAAAAAAABg==" %WRITE%
if not %ERRORLEVEL%==0 goto failed
set "F=\\?\D:\the site's %%20 (folder) & more\P1\Images\a folder with a name of fifty characters, and so on\a folder with a name of fifty characters, and so on\a folder with a name of fifty characters, and so on\a folder with a name of fifty characters, and so on\a folder with a name of fifty characters, and so on\deep.dcm"
set "N=site 50%%/20260101000000/P1/Images/a folder with a name of fifty characters, and so on/a folder with a name of fifty characters, and so on/a folder with a name of fifty characters, and so on/a folder with a name of fifty characters, and so on/a folder with a name of fifty characters, and so on/deep.dcm"
echo [7/12] "%F%"
call az storage blob upload %STORE% --container-name cont --file "%%F%%" --name "%%N%%" --content-md5 "AAAAAAAAAAAAAAAAAAAABw==" %WRITE%
if not %ERRORLEVEL%==0 goto failed
set "F=D:\the site's %%20 (folder) & more\P1\waveforms\lower.dat"
set "N=site 50%%/20260101000000/P1/Waveforms/lower.dat"
echo [8/12] "%F%"
call az storage blob upload %STORE% --container-name cont --file "%%F%%" --name "%%N%%" --content-md5 "AAAAAAAAAAAAAAAAAAAACA==" %WRITE%
if not %ERRORLEVEL%==0 goto failed
set "F=D:\the site's %%20 (folder) & more\P1\waveforms\empty.dat"
set "N=site 50%%/20260101000000/P1/Waveforms/empty.dat"
echo [9/12] "%F%"
call az storage blob upload %STORE% --container-name cont --file "%%F%%" --name "%%N%%" --content-md5 "AAAAAAAAAAAAAAAAAAAACQ==" %WRITE%
if not %ERRORLEVEL%==0 goto failed
set "F=D:\the site's %%20 (folder) & more\P2\Waveforms\%%PATH%%.dat"
set "N=site 50%%/20260101000000/P2/Waveforms/%%PATH%%.dat"
echo [10/12] "%F%"
call az storage blob upload %STORE% --container-name cont --file "%%F%%" --name "%%N%%" --content-md5 "AAAAAAAAAAAAAAAAAAAACg==" %WRITE%
if not %ERRORLEVEL%==0 goto failed
%CHORUS% file mark_as_uploaded_local --upload-datetime now --file-list "%LISTS%\0002.txt"
if not %ERRORLEVEL%==0 goto failed

:page0003
rem Files 11 to 12: check that some are pending, and that they are still the recorded ones
%CHORUS% script ready --file-list "%LISTS%\0003.txt"
if %ERRORLEVEL%==10 goto copies
if not %ERRORLEVEL%==0 goto failed
set "F=D:\the site's %%20 (folder) & more\P2\Waveforms\second.dat"
set "N=site 50%%/20260101000000/P2/Waveforms/second.dat"
echo [11/12] "%F%"
call az storage blob upload %STORE% --container-name cont --file "%%F%%" --name "%%N%%" %WRITE%
if not %ERRORLEVEL%==0 goto failed
set "F=D:\the site's %%20 (folder) & more\P2\Images\ leading and %%%%double%%%% percents.dcm"
set "N=site 50%%/20260101000000/P2/Images/ leading and %%%%double%%%% percents.dcm"
echo [12/12] "%F%"
call az storage blob upload %STORE% --container-name cont --file "%%F%%" --name "%%N%%" --content-md5 "AAAAAAAAAAAAAAAAAAAADA==" %WRITE%
if not %ERRORLEVEL%==0 goto failed
%CHORUS% file mark_as_uploaded_local --upload-datetime now --file-list "%LISTS%\0003.txt"
if not %ERRORLEVEL%==0 goto failed

:copies
rem ---- Copy the journal to the folder of each version that received files
set "F=D-journal.db"
set "N=site 50%%/20260101000000/D-journal.db"
call az storage blob upload %STORE% --container-name cont --file "%%F%%" --name "%%N%%" %WRITE%
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
