# Windows twin of run.sh: .\run.ps1 [app|test|check|test-all|bench|faults|shots|setup|cli ARGS...]
# Not run on Windows by its authors yet: see docs/limits.md.
param([string]$Task = "app", [Parameter(ValueFromRemainingArguments = $true)][string[]]$Rest = @())
$ErrorActionPreference = "Stop"
Set-Location $PSScriptRoot
$venv = if ($env:RARESEG_VENV) { $env:RARESEG_VENV } else { Join-Path $PSScriptRoot ".venv" }
$python = Join-Path $venv "Scripts\python.exe"
$env:PYTHONUTF8 = "1"

function Find-Python {
    foreach ($version in "3.11", "3.12", "3.13") {
        & py "-$version" -c "import venv, ensurepip" 2>$null
        if ($LASTEXITCODE -eq 0) { return @("py", "-$version") }
    }
    throw "Python 3.11, 3.12 or 3.13 is needed: install it from python.org and run this again."
}

function Install-RareSeg {
    $text = (Get-Content requirements.lock, pyproject.toml -Raw) -join "`n"
    $bytes = [Text.Encoding]::UTF8.GetBytes($text)
    $hash = [BitConverter]::ToString([Security.Cryptography.SHA256]::Create().ComputeHash($bytes)).Replace("-", "").Substring(0, 16)
    $stamp = Join-Path $venv ".rareseg-$hash"
    if (Test-Path $stamp) { return }
    Write-Host "rareseg: setting up $venv (once; a few minutes)"
    if (-not (Test-Path $python)) {
        $found = Find-Python
        & $found[0] $found[1] -m venv $venv
    }
    & $python -m pip install -q -r requirements.lock
    if ($LASTEXITCODE -ne 0) { throw "A package could not be installed; see the lines above, then run this again." }
    & $python -m pip install -q --no-deps --no-build-isolation -e .
    if ($LASTEXITCODE -ne 0) { throw "RareSeg could not be installed into $venv." }
    New-Item -ItemType File -Force $stamp | Out-Null
}

function Invoke-Quick([string[]]$Arguments) {
    $env:QT_QPA_PLATFORM = "offscreen"
    & $python -m pytest @Arguments
}

function Invoke-Check {
    & $python -m ruff format --check .; if ($LASTEXITCODE -ne 0) { exit 1 }
    & $python -m ruff check .; if ($LASTEXITCODE -ne 0) { exit 1 }
    & (Join-Path $venv "Scripts\lint-imports.exe"); if ($LASTEXITCODE -ne 0) { exit 1 }
    & $python -m mypy
}

Install-RareSeg
switch ($Task) {
    "setup" { }
    "app" { & $python -m app.main @Rest }
    "cli" { & $python -m segcore.cli.main @Rest }
    "test" { Invoke-Quick (@("-m", "not slow") + $Rest) }
    "check" { Invoke-Check }
    "test-all" { Invoke-Check; if ($LASTEXITCODE -eq 0) { Invoke-Quick $Rest } }
    "bench" { & $python -m tests.benchmarks @Rest }
    "faults" { Invoke-Quick (@("tests/faults") + $Rest) }
    "shots" { $env:QT_QPA_PLATFORM = "offscreen"; & $python docs/make_screenshots.py @Rest }
    default { Write-Error "unknown task '$Task'; use one of: app test check test-all bench faults shots setup cli"; exit 3 }
}
exit $LASTEXITCODE
