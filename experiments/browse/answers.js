// The images that were found, as buttons that search on.

function span(name, text) {
  const made = document.createElement("span");
  made.className = name;
  made.textContent = text;
  return made;
}

function button(answer, search) {
  const made = document.createElement("button");
  made.type = "button";
  made.className = "answer";
  made.title = answer.name ?? "";
  const image = document.createElement("img");
  image.loading = "lazy";
  image.src = `/image/${answer.image}`;
  image.alt = "";
  image.addEventListener("error", () => { image.alt = "cannot be shown"; });
  made.append(image, span("class", answer.class || "–"));
  if (answer.distance !== undefined) {
    const distance = span("distance", answer.distance.toFixed(4));
    if (answer.verdict) {
      const verdict = document.createElement("b");
      verdict.className = answer.verdict;
      verdict.textContent = answer.verdict;
      distance.append(" ", verdict);
    }
    made.append(distance);
  }
  if (answer.name) made.append(span("file", answer.name.split("/").pop()));
  made.addEventListener("click", () => search(answer.image));
  return made;
}

/** Shows answers in a list; `search` is called with the number of the image that is clicked. */
export function showAnswers(list, answers, search) {
  list.replaceChildren(...answers.map((answer) => {
    const item = document.createElement("li");
    item.append(button(answer, search));
    return item;
  }));
}
