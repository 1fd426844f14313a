#!/bin/sh
# Programs the tests drive for real. As root they are installed; otherwise the command is printed.
set -eu
packages=""
need() { command -v "$1" >/dev/null 2>&1 || packages="$packages $2"; }
need chromium chromium
need dciodvfy dicom3tools
need dcmj2pnm dcmtk
need nginx nginx
need pdftotext poppler-utils
need zbarimg zbar-tools
need javac default-jdk-headless
[ -e /usr/share/java/jaxb-runtime.jar ] || packages="$packages libjaxb-java"
ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1 || packages="$packages postgresql"
ls /usr/share/fonts/opentype/noto/NotoSansCJK* >/dev/null 2>&1 || packages="$packages fonts-noto-cjk"
[ -z "$packages" ] && exit 0
command="apt-get install -y --no-install-recommends$packages"
if [ "$(id -u)" -eq 0 ]; then
    export DEBIAN_FRONTEND=noninteractive
    apt-get update -qq
    $command
else
    echo "The tests need these packages: sudo $command" >&2
    exit 1
fi
