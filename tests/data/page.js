// A page of another origin: it tries whatever a page can try, and tells its own server what it saw.
// The test puts before it: base (where it looks for the control API), platform (the emulator), model, key, body (a request).
const seen = {};
const told = async (name, ask) => {
  const late = new Promise((_, fail) => setTimeout(() => fail(new Error("late")), 20000));
  try { seen[name] = await Promise.race([ask(), late]); } catch (error) { seen[name] = `refused: ${error.name}`; }
};
const text = async (address, options) => {
  const answer = await fetch(address, options);
  return `${answer.type} ${answer.status} ${await answer.text()}`;
};
const tag = (name, attributes) => new Promise((done) => {
  const element = Object.assign(document.createElement(name), attributes);
  element.onload = () => done("loaded");
  element.onerror = () => done("refused: tag");
  document.body.append(element);
});
const form = (address, type) => new Promise((done) => {
  const frame = Object.assign(document.createElement("iframe"), { name: `${address} ${type}` });
  document.body.append(frame);
  const sent = Object.assign(document.createElement("form"), { action: address, method: "post", enctype: type, target: frame.name });
  sent.append(Object.assign(document.createElement("input"), { name: '{"status": 502, "a": "', value: '"}' }));
  document.body.append(sent);
  frame.onload = () => {
    let inside = "";
    try { inside = frame.contentDocument.body.innerText; } catch (error) { inside = `refused: ${error.name}`; }
    if (frame.contentDocument?.URL !== "about:blank") done(inside);
  };
  sent.submit();
});
const socket = () => new Promise((done) => {
  const opened = new WebSocket(`${platform.replace("http", "ws")}/_mockling/state`);
  opened.onopen = () => done("open");
  opened.onerror = () => done("refused: socket");
});
const json = { "content-type": "application/json" };
const fault = JSON.stringify({ status: 502 });
(async () => {
  const c = `${base}/_mockling`;
  await told("read", () => text(`${c}/state`));
  await told("read calls", () => text(`${c}/requests`));
  await told("read health", () => text(`${c}/health`));
  await told("read with credentials", () => text(`${c}/state`, { credentials: "include" }));
  await told("read with key", () => text(`${c}/state`, { headers: { "x-api-key": key } }));
  await told("read blindly", () => text(`${c}/state`, { mode: "no-cors" }));
  await told("arm", () => text(`${c}/faults`, { method: "POST", headers: json, body: fault }));
  await told("arm blindly", () => text(`${c}/faults`, { method: "POST", mode: "no-cors", body: fault }));
  await told("arm as text", () => text(`${c}/faults`, { method: "POST", headers: { "content-type": "text/plain" }, body: fault }));
  await told("arm as blob", () => text(`${c}/faults`, { method: "POST", mode: "no-cors", body: new Blob([fault], { type: "application/json" }) }));
  await told("reset", () => text(`${c}/reset`, { method: "POST" }));
  await told("reset blindly", () => text(`${c}/reset`, { method: "POST", mode: "no-cors" }));
  await told("move time", () => text(`${c}/clock`, { method: "POST", headers: json, body: '{"settle": true}' }));
  await told("forget", () => text(`${c}/requests`, { method: "DELETE" }));
  await told("guess token", () => text(`${c}/state`, { headers: { "x-mockling-token": "x" } }));
  await told("beacon", async () => (navigator.sendBeacon(`${c}/reset`, fault), "sent"));
  await told("image", () => tag("img", { src: `${c}/state` }));
  await told("script", () => tag("script", { src: `${c}/state` }));
  for (const type of ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data"])
    for (const path of ["/faults", "/reset", "/clock"]) await told(`form ${path} ${type}`, () => form(c + path, type));
  await told("socket", socket);
  await told("platform with fault", () => text(`${platform}/v2/${model}`, { method: "POST", headers: { ...json, "x-api-key": key, "x-mockling-fault": "status=502" }, body }));
  await told("platform with patience", () => text(`${platform}/v2/${model}`, { method: "POST", headers: { ...json, "x-api-key": key, "x-mockling-patience": "1" }, body }));
  await told("platform", () => text(`${platform}/v2/${model}`, { method: "POST", headers: { ...json, "x-api-key": key }, body }));
  await told("balance", () => text(`${platform}/v1/get-user-credits`, { headers: { "x-api-key": key } }));
  await fetch("/done", { method: "POST", body: JSON.stringify(seen) });
})();
