#!/usr/bin/env bash
# Install the Debian packages listed in file $1 that are missing, or say what to install.
set -euo pipefail

missing=()
while read -r package; do
    status=$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null || true)
    [ "$status" = installed ] || missing+=("$package")
done <"$1"
[ ${#missing[@]} -gt 0 ] || exit 0

as_root=()
if [ "$(id -u)" -ne 0 ]; then
    if ! sudo -n true 2>/dev/null; then
        echo "The tests need Debian packages that only root can install. Run, then try again:" >&2
        echo "    sudo apt-get install --no-install-recommends ${missing[*]}" >&2
        exit 1
    fi
    as_root=(sudo -n)
fi
# RUNLEVEL=1: don't start a broker for the whole machine, the tests run one of their own.
install=(env RUNLEVEL=1 DEBIAN_FRONTEND=noninteractive
    apt-get install -q -y --no-install-recommends "${missing[@]}")
"${as_root[@]}" "${install[@]}" || { "${as_root[@]}" apt-get update -q && "${as_root[@]}" "${install[@]}"; }
