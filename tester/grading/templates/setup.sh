#!/usr/bin/env bash
# Runs once, when Gradescope builds the image: a Python of 3.11 or newer, and labtester.
set -euo pipefail
root=${AUTOGRADER:-/autograder}

apt-get update
for version in 3.13 3.12 3.11; do
  if apt-get install -y "python$version" "python$version-venv"; then
    break
  fi
done
"python$version" -m venv "$root/venv"
"$root/venv/bin/pip" install @REQUIREMENTS@
site=$("$root/venv/bin/python" -c 'import sysconfig; print(sysconfig.get_path("purelib"))')
cp -r "$root/source/packages/." "$site/"
chmod -R a+rX "$root/venv"
