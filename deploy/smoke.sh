#!/bin/sh
# After an installation or upgrade: one drawn study, one answer, one report as PDF, over the REST API.
#   DRAGONFLY_URL=https://reading.hospital.example DRAGONFLY_TOKEN=... sh deploy/smoke.sh
# The token is a clinician's, with scope "write". The study stays in that clinician's worklist (patient SMOKE^TEST).
# PYTHON: the interpreter of the installation. CURL_OPTIONS: for example --cacert /etc/dragonfly-med/tls/ca.pem.
set -eu
: "${DRAGONFLY_URL:?address of the installation}" "${DRAGONFLY_TOKEN:?a token of a clinician, scope write}"
PYTHON=${PYTHON:-python3}
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
umask 077
# In a file, so that the token stands in no list of processes.
printf 'header = "Authorization: Bearer %s"\n' "$DRAGONFLY_TOKEN" >"$folder/curl"

call() { # METHOD PATH [curl options]: the body; ends the script with the server's own sentence on a failure
    method=$1 path=$2
    shift 2
    # shellcheck disable=SC2086
    status=$(curl -sS ${CURL_OPTIONS:-} -K "$folder/curl" -X "$method" -o "$folder/body" -w '%{http_code}' \
        "$@" "$DRAGONFLY_URL$path")
    case $status in
    2*) cat "$folder/body" ;;
    *) echo "$method $path: $status $(head -c 400 "$folder/body")" >&2 && return 1 ;;
    esac
}
json() { call "$1" "$2" -H 'Content-Type: application/json' --data "$3"; }
field() { "$PYTHON" -c 'import json, sys
found = json.load(sys.stdin)
for name in sys.argv[1].split("."): found = found[int(name) if name.isdigit() else name]
print(found)' "$1"; }
until_is() { # PATH WANTED SECONDS: wait until the state is as wanted
    left=$3
    while :; do
        state=$(call GET "$1" | field state)
        [ "$state" = "$2" ] && return 0
        case $state in failed | refused | stopped | interrupted) echo "$1: $state" >&2 && return 1 ;; esac
        left=$((left - 1))
        [ "$left" -gt 0 ] || { echo "$1: still $state" >&2 && return 1; }
        sleep 1
    done
}

"$PYTHON" - "$folder/chest.dcm" <<'DRAW'
import sys, time
from pathlib import Path
from dicom.drawn import dicom_of
from model.demo.phantoms import draw_phantom
stamp = f"2.25.{time.time_ns()}"
header = {
    "PatientName": "SMOKE^TEST", "PatientID": "SMOKE-TEST", "PatientBirthDate": "19700101", "PatientSex": "O",
    "StudyInstanceUID": stamp, "SeriesInstanceUID": f"{stamp}.1", "SOPInstanceUID": f"{stamp}.1.1",
    "StudyDate": time.strftime("%Y%m%d"), "StudyDescription": "Smoke test (drawn)", "SeriesNumber": 1,
    "InstanceNumber": 1, "BodyPartExamined": "CHEST", "ViewPosition": "PA", "WindowCenter": 128, "WindowWidth": 256,
}
Path(sys.argv[1]).write_bytes(dicom_of(draw_phantom("chest", 7).pixels[..., 0], "DX", header))
DRAW

call GET /ready >/dev/null
size=$(wc -c <"$folder/chest.dcm" | tr -d ' ')
upload=$(json POST /api/uploads "{\"files\": 1, \"bytes\": $size}" | field upload_id)
call PUT "/api/uploads/$upload/files/0" --data-binary "@$folder/chest.dcm" -H 'Content-Type: application/octet-stream' >/dev/null
json POST "/api/uploads/$upload/finish" '{"study_id": null}' >/dev/null
until_is "/api/uploads/$upload" done 60
study=$(call GET "/api/uploads/$upload" | field studies.0.study_id)
echo "study taken in"

series=$(call GET "/api/studies/$study" | field series.0.series_id)
instance=$(call GET "/api/series/$series/manifest" | field frames.0.instance_id)
view="{\"instance_id\": \"$instance\", \"frame\": 0, \"center\": null, \"width\": null, \"invert\": false, \"box\": null}"
answer=$(json POST "/api/studies/$study/questions" "{\"question\": \"What modality is this?\", \"view\": $view}" | field answer_id)
until_is "/api/answers/$answer" done 300
echo "answer: $(call GET "/api/answers/$answer" | field text)"

json POST "/api/studies/$study/report" "{\"indication\": \"Smoke test\", \"history\": \"\", \"view\": $view}" >"$folder/report"
report=$(field report_id <"$folder/report")
for place in 0 1; do
    until_is "/api/answers/$(field answer_ids.$place <"$folder/report")" done 300
done
call GET "/api/reports/$report/pdf" >"$folder/report.pdf"
[ "$(head -c 5 "$folder/report.pdf")" = "%PDF-" ] || { echo "The report is no PDF." >&2 && exit 1; }
echo "report drafted, PDF of $(wc -c <"$folder/report.pdf" | tr -d ' ') bytes"
echo "all is well"
