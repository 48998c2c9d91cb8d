@echo off
rem Brings the newest snapshot of this archive back into a new folder: a double click, or RECOVER.cmd NEW_FOLDER.
rem README.txt says what else there is.
setlocal
set "HERE=%~dp0"
set "TARGET=%~1"
set "PROGRAM=%HERE%programs\snap-windows-x86_64.exe"
if exist "%PROGRAM%" goto ask
powershell.exe -NoProfile -ExecutionPolicy Bypass -File "%HERE%recover.ps1" %*
if "%TARGET%"=="" pause
exit /b %ERRORLEVEL%

:ask
if not "%TARGET%"=="" goto restore
echo This brings back the newest snapshot of this archive.
set /p "TARGET=Into which new folder, for example C:\recovered? "
if "%TARGET%"=="" exit /b 2
"%PROGRAM%" restore -a "%HERE%." --to "%TARGET%"
pause
exit /b %ERRORLEVEL%

:restore
"%PROGRAM%" restore -a "%HERE%." --to "%TARGET%"
exit /b %ERRORLEVEL%
