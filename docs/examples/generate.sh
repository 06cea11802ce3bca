#!/bin/sh
# One generation with curl and jq: SEGMIND_BASE_URL=http://127.0.0.1:8787 SEGMIND_API_KEY=SG_... sh generate.sh OUTPUT.mp4
# curl trusts a certificate authority named in CURL_CA_BUNDLE.
set -eu
base=${SEGMIND_BASE_URL:-https://api.segmind.com}
output=${1:-video.mp4}
answer=$(mktemp)
trap 'rm -f "$answer"' EXIT

status=$(curl --silent --show-error --max-time 900 --output "$answer" --write-out '%{http_code}' \
    "$base/v1/kling-o3-video2video-reference" \
    --header "x-api-key: $SEGMIND_API_KEY" --header "content-type: application/json" \
    --data '{
        "prompt": "Let it snow over the hills at dusk",
        "video_url": "https://segmind-resources.s3.amazonaws.com/input/kling-o3-v2v-input-video.mp4",
        "mode": "std", "duration": "3"
    }')
if [ "$status" != 200 ]; then
    echo "$status: $(jq --raw-output .error "$answer")" >&2
    exit 1
fi
curl --silent --show-error --fail --output "$output" "$(jq --raw-output .output "$answer")"
echo "$output: $(wc -c < "$output") bytes"
