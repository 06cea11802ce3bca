// One generation with axios (npm install axios): SEGMIND_BASE_URL=http://127.0.0.1:8787 SEGMIND_API_KEY=SG_... node generate-axios.mjs OUTPUT.mp4
// Node trusts a certificate authority named in NODE_EXTRA_CA_CERTS.
import { writeFile } from "node:fs/promises";
import axios from "axios";

const api = axios.create({
  baseURL: process.env.SEGMIND_BASE_URL ?? "https://api.segmind.com",
  headers: { "x-api-key": process.env.SEGMIND_API_KEY ?? "" },
  timeout: 900_000, // milliseconds
});
const output = process.argv[2] ?? "video.mp4";

try {
  const { data } = await api.post("/v1/kling-o3-video2video-reference", {
    prompt: "Let it snow over the hills at dusk",
    video_url: "https://segmind-resources.s3.amazonaws.com/input/kling-o3-v2v-input-video.mp4",
    mode: "std",
    duration: "3",
  });
  const video = await axios.get(data.output, { responseType: "arraybuffer" });
  await writeFile(output, video.data);
  console.log(`${output}: ${video.data.length} bytes`);
} catch (error) {
  if (!error.response) throw error;
  console.error(`${error.response.status}: ${error.response.data.error}`);
  process.exit(1);
}
