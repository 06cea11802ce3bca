// One generation with Node's own fetch: SEGMIND_BASE_URL=http://127.0.0.1:8787 SEGMIND_API_KEY=SG_... node generate.mjs OUTPUT.mp4
// Node trusts a certificate authority named in NODE_EXTRA_CA_CERTS.
import { writeFile } from "node:fs/promises";

const base = process.env.SEGMIND_BASE_URL ?? "https://api.segmind.com";
const output = process.argv[2] ?? "video.mp4";

// fetch itself waits 300 s for an answer at most; longer calls are better submitted to /v2 and polled.
const response = await fetch(`${base}/v1/kling-o3-video2video-reference`, {
  method: "POST",
  headers: { "x-api-key": process.env.SEGMIND_API_KEY ?? "", "content-type": "application/json" },
  body: JSON.stringify({
    prompt: "Let it snow over the hills at dusk",
    video_url: "https://segmind-resources.s3.amazonaws.com/input/kling-o3-v2v-input-video.mp4",
    mode: "std",
    duration: "3",
  }),
});
if (!response.ok) {
  console.error(`${response.status}: ${(await response.json()).error}`);
  process.exit(1);
}
const video = await fetch((await response.json()).output);
if (!video.ok) throw new Error(`The video is not there: ${video.status}`);
const content = Buffer.from(await video.arrayBuffer());
await writeFile(output, content);
console.log(`${output}: ${content.length} bytes`);
