// Enhancements of the pages. Every page works without this file: it only saves typing and waiting.
// Hooks are data attributes; see templates/macros.html.

const all = (selector, root = document) => [...root.querySelectorAll(selector)];

/** Calls `act` once nothing more was typed for a moment. */
function settled(act, wait = 250) {
  let timer = 0;
  return (...given) => {
    clearTimeout(timer);
    timer = setTimeout(() => act(...given), wait);
  };
}

/** JSON of our own server; null if it does not come. A newer question of the same asker ends the older one. */
function asker() {
  let running = null;
  return async (address, name, value) => {
    running?.abort();
    running = new AbortController();
    const url = new URL(address, location.origin);
    url.searchParams.set(name, value);
    try {
      const answer = await fetch(url, {
        headers: { accept: "application/json" },
        credentials: "same-origin",
        redirect: "error",
        signal: running.signal,
      });
      return answer.ok ? await answer.json() : null;
    } catch (_) {
      return null;
    }
  };
}

/** One place that screen readers listen to. */
let told = null;
function tell(text) {
  if (!told) {
    told = document.createElement("p");
    told.className = "visually-hidden";
    told.setAttribute("role", "status");
    document.body.append(told);
  }
  told.textContent = "";
  requestAnimationFrame(() => (told.textContent = text));
}

/* data-theme-switch: system, light, dark */

function themeSwitch(button) {
  const order = ["system", "light", "dark"];
  const read = () => {
    try {
      const kept = localStorage.getItem("theme");
      return order.includes(kept) ? kept : "system";
    } catch (_) {
      return "system";
    }
  };
  const show = (theme) => {
    if (theme === "system") delete document.documentElement.dataset.theme;
    else document.documentElement.dataset.theme = theme;
    button.textContent = `Theme: ${theme}`;
  };
  button.addEventListener("click", () => {
    const next = order[(order.indexOf(read()) + 1) % order.length];
    try {
      if (next === "system") localStorage.removeItem("theme");
      else localStorage.setItem("theme", next);
    } catch (_) {
      // Not kept: it holds for this page.
    }
    show(next);
    tell(`Theme: ${next}`);
  });
  show(read());
  button.hidden = false;
}

/* data-select-all: ticks all boxes of its fieldset, or none if all are */

function selectAll(button) {
  const group = button.closest("fieldset, form, table") ?? document;
  const boxes = () => all("input[type=checkbox]:not(:disabled)", group).filter((box) => box !== button);
  const name = group.querySelector("legend")?.textContent.trim() ?? "";
  const show = () => {
    const found = boxes();
    const full = found.length > 0 && found.every((box) => box.checked);
    button.textContent = full ? "Select none" : "Select all";
    button.setAttribute("aria-label", `${button.textContent} ${name}`.trim());
  };
  button.addEventListener("click", () => {
    const found = boxes();
    const tick = !found.every((box) => box.checked);
    for (const box of found) {
      if (box.checked === tick) continue;
      box.checked = tick;
      box.dispatchEvent(new Event("change", { bubbles: true }));
    }
    show();
  });
  group.addEventListener("change", show);
  show();
  button.hidden = false;
}

/* data-copy="#id", or the code block that the button stands in */

function copy(button) {
  if (!navigator.clipboard) return;
  const label = button.textContent;
  const source = () =>
    button.dataset.copy
      ? document.querySelector(button.dataset.copy)
      : button.closest(".code-block")?.querySelector("pre");
  const back = settled(() => (button.textContent = label), 2000);
  button.addEventListener("click", async () => {
    try {
      await navigator.clipboard.writeText(source()?.textContent ?? "");
      button.textContent = "Copied";
    } catch (_) {
      button.textContent = "Not copied";
    }
    tell(button.textContent);
    back();
  });
  button.hidden = false;
}

/* data-validate-url: what is typed is judged by the server, line by line in a text area */

function validate(input) {
  const place = document.getElementById(`${input.id}-live`);
  if (!place) return;
  const many = input.tagName === "TEXTAREA";
  let turn = 0;
  const judge = settled(async () => {
    const mine = ++turn;
    const lines = many ? input.value.split("\n") : [input.value];
    const values = lines.map((line) => line.trim()).filter((line) => line !== "").slice(0, 50);
    const answers = await Promise.all(
      values.map((value) => asker()(input.dataset.validateUrl, "value", value)),
    );
    if (mine !== turn) return;
    const wrong = answers
      .map((answer, at) => ({ answer, value: values[at] }))
      .filter(({ answer }) => answer && !answer.valid);
    const unknown = answers.some((answer) => !answer);
    const notes = answers.filter((answer) => answer?.valid && answer.message);
    place.replaceChildren();
    input.toggleAttribute("aria-invalid", false);
    delete place.dataset.state;
    if (wrong.length > 0) {
      input.setAttribute("aria-invalid", "true");
      place.dataset.state = "bad";
      write(place, wrong.map(({ answer, value }) => (many ? `${value}: ${answer.message}` : answer.message)));
    } else if (values.length > 0 && !unknown) {
      place.dataset.state = "good";
      const text = values.length > 1 ? `All ${values.length} are good.` : "This is good.";
      write(place, notes.length > 0 ? [...new Set(notes.map((note) => note.message))] : [text]);
    }
  }, 350);
  input.addEventListener("input", judge);
  if (input.value.trim() !== "") judge();
}

function write(place, sentences) {
  if (sentences.length === 1) {
    place.textContent = sentences[0];
    return;
  }
  const list = document.createElement("ul");
  for (const sentence of sentences) {
    const item = document.createElement("li");
    item.textContent = sentence;
    list.append(item);
  }
  place.append(list);
}

/* data-suggest: completions from the server in the input's own <datalist> */

function suggest(input) {
  const list = input.list;
  if (!list) return;
  const ask = asker();
  const fill = settled(async () => {
    const typed = input.value.trim();
    if (typed.length < 2) {
      list.replaceChildren();
      return;
    }
    const found = await ask(input.dataset.suggest, "q", typed);
    if (!Array.isArray(found) || input.value.trim() !== typed) return;
    list.replaceChildren(
      ...found.slice(0, 20).map(({ value, label }) => {
        const option = document.createElement("option");
        option.value = value;
        if (label && label !== value) option.label = label;
        return option;
      }),
    );
    tell(found.length === 1 ? "1 suggestion" : `${found.length} suggestions`);
  });
  input.addEventListener("input", fill);
}

/* data-confirm: the form can be sent once the words are typed */

function confirmTyped(input) {
  const buttons = all("button:not([type=button])", input.form ?? document);
  const show = () => {
    const right = input.value.trim() === input.dataset.confirm;
    for (const button of buttons) button.disabled = !right;
  };
  input.addEventListener("input", show);
  show();
}

/* Every posted form: once, and it shows that it is on its way */

function sendOnce(form) {
  form.addEventListener("submit", (event) => {
    if (form.dataset.sent) {
      event.preventDefault();
      return;
    }
    form.dataset.sent = "yes";
    event.submitter?.setAttribute("aria-busy", "true");
    // An answer that leads into another program, or that is a file, leaves this page standing.
    setTimeout(() => sendable(form), 5000);
  });
}

function sendable(form) {
  delete form.dataset.sent;
  for (const button of all("button[aria-busy]", form)) button.removeAttribute("aria-busy");
}

/** A page that comes back from the history can be sent again. */
addEventListener("pageshow", (event) => {
  if (event.persisted) all("form[data-sent]").forEach(sendable);
});

/** Times in the reader's own zone, which is named. */
function localTime(element) {
  const at = new Date(element.dateTime);
  if (Number.isNaN(at.getTime())) return;
  const { lang } = document.documentElement;
  element.title = element.textContent;
  const text = new Intl.DateTimeFormat(lang === "en" ? "en-GB" : lang, {
    year: "numeric",
    month: "short",
    day: "numeric",
    hour: "2-digit",
    minute: "2-digit",
    hourCycle: "h23",
    timeZoneName: "short",
  }).format(at);
  // A line may break only behind the comma.
  element.textContent = text.replaceAll(" ", "\u00a0").replace(",\u00a0", ", ");
}

all("[data-theme-switch]").forEach(themeSwitch);
all("button[data-select-all]").forEach(selectAll);
all("[data-copy]").forEach(copy);
all("[data-validate-url]").forEach(validate);
all("input[data-suggest]").forEach(suggest);
all("[data-confirm]").forEach(confirmTyped);
all("form[method=post]").forEach(sendOnce);
all("time[datetime]").forEach(localTime);
document.querySelector("[data-focus]")?.focus();
