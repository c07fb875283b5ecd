// The page: what is searched for, and how many answers are shown.

import { showAnswers } from "/answers.js";
import { prepareCamera } from "/camera.js";
import { GalleryMap } from "/map.js";

const element = (id) => document.getElementById(id);
const SAMPLES = 12;

const files = []; // That were searched for; an entry of the browser's history has the number of its file.

let about, map, found = null, latest = 0;

async function fetched(path, options) {
  let response;
  try {
    response = await fetch(path, options);
  } catch {
    throw new Error("The server does not answer: has main.py browse ended, or the file been changed?");
  }
  const value = await response.json();
  if (!response.ok) throw new Error(value.error);
  return value;
}

/** Asks for the images nearest to something; an answer that a later question has overtaken is dropped. */
async function ask(path, options, source, name) {
  const question = ++latest;
  say("Searching …");
  const shown = element("shown");
  if (shown.src.startsWith("blob:")) URL.revokeObjectURL(shown.src);
  shown.src = source;
  shown.hidden = false;
  element("hint").hidden = true;
  element("name").textContent = name;
  element("drop").scrollIntoView({ block: "nearest" }); // In a narrow window it may be far above the answers.
  try {
    const answer = await fetched(path, options);
    if (question !== latest) return;
    found = answer;
    if (found.query) element("name").textContent = [found.query.class, found.query.name].filter(Boolean).join(" · ");
    say("");
  } catch (error) {
    if (question === latest) clear(error.message);
    return;
  }
  show();
}

/** Shows no answers, but a message if there is one. */
function clear(error = "") {
  found = null;
  element("shown").hidden = true;
  element("hint").hidden = false;
  say(error, true);
  show();
}

function searchFile(file) {
  if (!file) return;
  if (file.size > about.most_bytes) {
    say(`The file is larger than ${about.most_bytes >> 20} MB.`, true);
    return;
  }
  history.pushState(files.push(file) - 1, "", "/");
  follow();
}

function searchImage(number) {
  if (location.hash === `#${number}`) follow();
  else location.hash = number; // So that the browser's "back" goes back.
}

/** Searches for what the browser's history is at: an image, a file, or nothing yet. */
function follow() {
  const number = location.hash.slice(1), file = files[history.state];
  if (/^\d+$/.test(number)) {
    ask(`/near/${number}`, {}, `/image/${number}`, "");
  } else if (file) {
    const name = file.name ?? "A photograph by the camera";
    ask("/search", { method: "POST", body: file }, URL.createObjectURL(file), name);
  } else {
    latest++; // What is still asked for is dropped.
    element("name").textContent = "";
    clear();
  }
}

function say(text, isError = false) {
  element("status").textContent = text;
  element("status").classList.toggle("error", isError);
}

function show() {
  const count = Number(element("slider").value);
  element("number").textContent = count;
  const answers = found ? found.answers.slice(0, count) : [];
  showAnswers(element("answers"), answers, searchImage);
  element("empty").hidden = element("samples").hidden = answers.length > 0;
  const vote = found?.votes[answers.length - 1];
  element("vote").textContent = vote?.class_name
    ? `${Math.round(100 * vote.share)}% of these ${answers.length}: ${vote.class_name}` : "";
  map?.mark(found?.place, answers.map((answer) => answer.image));
}

function showAbout() {
  const classes = about.classes ? ` of ${about.classes.toLocaleString("en")} classes` : "";
  const folder = about.gallery.split("/").pop();
  element("gallery").textContent = `${about.images.toLocaleString("en")} images${classes} in ${folder}`;
  element("gallery").title = about.gallery;
  const topics = { ...about.model }, limit = about.threshold;
  element("model").textContent = [`Model ${topics.Model}`, topics["Test scores"]].filter(Boolean).join(" · ");
  if (limit) {
    topics.Threshold = `below ${limit.low.toFixed(4)} same class, above ${limit.high.toFixed(4)} different, unsure `
      + `between; chosen so that ${(100 * limit.fmr).toPrecision(2)}% of pairs of different classes count as same`;
  }
  element("about").replaceChildren(...Object.entries(topics).flatMap(([topic, text]) => {
    const [term, description] = [document.createElement("dt"), document.createElement("dd")];
    [term.textContent, description.textContent] = [topic, text];
    return [term, description];
  }));
  element("slider").max = about.most;
}

function prepareDropping() {
  const drop = element("drop");
  for (const kind of ["dragenter", "dragover"]) {
    document.addEventListener(kind, (event) => { event.preventDefault(); drop.classList.add("over"); });
  }
  document.addEventListener("dragleave", (event) => { if (!event.relatedTarget) drop.classList.remove("over"); });
  document.addEventListener("drop", (event) => {
    event.preventDefault();
    drop.classList.remove("over");
    searchFile(event.dataTransfer.files[0]);
  });
  document.addEventListener("paste", (event) => searchFile(event.clipboardData.files[0]));
}

async function showMap() {
  const points = await fetched("/map");
  map = new GalleryMap(element("map"), points, (number) => {
    element("map-name").textContent = number === null ? "" : points.classes[points.class[number]] || `Image ${number}`;
  }, searchImage);
  const step = Math.max(1, points.x.length / SAMPLES);
  const samples = [];
  for (let place = step / 2; place < points.x.length; place += step) samples.push(Math.floor(place));
  showAnswers(element("samples"), samples.map((image) => (
    { image, class: points.classes[points.class[image]] })), searchImage);
  show();
}

try {
  about = await fetched("/about");
  showAbout();
  element("choose").addEventListener("click", () => element("file").click());
  element("file").addEventListener("change", (event) => {
    searchFile(event.target.files[0]);
    event.target.value = ""; // The same file may be chosen again.
  });
  element("slider").addEventListener("input", show);
  prepareDropping();
  prepareCamera(element("camera"), searchFile);
  addEventListener("popstate", follow);
  follow();
  await showMap();
} catch (error) {
  say(error.message, true);
}
