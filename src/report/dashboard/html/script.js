// Sorts and filters tables that stand in the page already, and follows a sweep where the page is served live.
// Without it everything can be read, in the order in which it matters. It writes text only, never markup, but for the
// live page's own new version.
(() => {
  "use strict";
  const order = new Intl.Collator("en", { numeric: true, sensitivity: "base" });
  const text = (cell) => (cell ? cell.dataset.v ?? cell.textContent.trim() : "");
  const element = (name, properties, ...children) => {
    const made = Object.assign(document.createElement(name), properties);
    made.append(...children);
    return made;
  };

  function sort(table, column, button) {
    const head = button.parentElement;
    const down = head.ariaSort === "ascending";
    for (const other of head.parentElement.cells) other.removeAttribute("aria-sort");
    head.setAttribute("aria-sort", down ? "descending" : "ascending");
    const body = table.tBodies[0];
    const rows = Array.from(body.rows, (row) => [text(row.cells[column]), row]);
    const filled = rows.filter(([value]) => value !== "" && value !== "-");
    const numbers = filled.length > 0 && filled.every(([value]) => !Number.isNaN(Number(value)));
    const compare = numbers ? (a, b) => a - b : order.compare;
    const empty = rows.filter(([value]) => value === "" || value === "-");
    filled.sort(([a], [b]) => (down ? compare(b, a) : compare(a, b)));
    const sorted = document.createDocumentFragment();
    for (const [, row] of filled.concat(empty)) sorted.append(row); // what is not known stands last either way
    body.append(sorted);
    show(table);
  }

  const words = new WeakMap();
  const lower = (row) => {
    if (!words.has(row)) words.set(row, row.textContent.toLowerCase());
    return words.get(row);
  };

  // Laying out thousands of rows takes seconds: of those that fit, the first stand there, and more on demand.
  const STEP = 200;
  const views = new WeakMap();

  function show(table) {
    const view = views.get(table);
    const wanted = view.tools ? view.tools.search.value.toLowerCase().split(/\s+/).filter(Boolean) : [];
    const chosen = view.tools ? view.tools.selects.filter((select) => select.value !== "") : [];
    let found = 0;
    for (const row of table.tBodies[0].rows) {
      const fits =
        wanted.every((word) => lower(row).includes(word)) &&
        chosen.every((select) => row.cells[select.column].textContent.trim() === select.value);
      found += fits;
      row.hidden = !fits || found > view.limit;
    }
    if (view.tools) view.tools.count.textContent = `${found} of ${table.tBodies[0].rows.length} rows`;
    view.more.hidden = found <= view.limit;
    view.more.textContent = `Show ${Math.min(STEP, found - view.limit)} more of ${found - view.limit} that are left`;
  }

  function filter(table) {
    views.get(table).limit = STEP;
    show(table);
  }

  function choices(table, column) {
    const counts = new Map();
    for (const row of table.tBodies[0].rows) {
      const value = row.cells[column].textContent.trim();
      counts.set(value, (counts.get(value) ?? 0) + 1);
    }
    return [...counts].sort(([a], [b]) => order.compare(a, b)).slice(0, 200);
  }

  function tool(table) {
    const tools = { selects: [], count: element("output", { ariaLive: "polite" }) };
    tools.search = element("input", { type: "search", name: `${table.id}-words` });
    const bar = element("div", { className: "tools" });
    bar.append(element("label", {}, "Filter (press /)", tools.search));
    for (const head of table.tHead.rows[0].cells) {
      if (head.dataset.choose === undefined) continue;
      const select = element("select", { name: `${table.id}-${head.cellIndex}` }, element("option", { value: "" }, "all"));
      select.column = head.cellIndex;
      for (const [value, count] of choices(table, head.cellIndex)) {
        if (value !== "") select.append(element("option", { value }, `${value} (${count})`));
      }
      select.addEventListener("change", () => filter(table));
      tools.selects.push(select);
      bar.append(element("label", {}, head.textContent, select));
    }
    bar.append(tools.count);
    tools.search.addEventListener("input", () => filter(table));
    tools.search.addEventListener("keydown", (event) => {
      if (event.key !== "Escape") return;
      tools.search.value = "";
      filter(table);
    });
    table.closest(".scroll").before(bar);
    return tools;
  }

  function prepare(root) {
    for (const table of root.querySelectorAll("table.sort")) {
      const more = element("button", { type: "button", className: "more" });
      const tools = table.dataset.filter === undefined ? null : tool(table); // before the heads become buttons
      views.set(table, { tools, more, limit: STEP });
      more.addEventListener("click", () => {
        views.get(table).limit += STEP;
        show(table);
      });
      table.after(more);
      show(table);
      table.classList.add("js");
      for (const head of table.tHead.rows[0].cells) {
        const button = element("button", { type: "button" }, head.textContent);
        button.addEventListener("click", () => sort(table, head.cellIndex, button));
        head.replaceChildren(button);
      }
    }
  }

  document.addEventListener("keydown", (event) => {
    const typing = event.target.closest && event.target.closest("input, select, textarea");
    if (event.key !== "/" || typing || event.ctrlKey || event.metaKey || event.altKey) return;
    const search = document.getElementsByName("t-services-words")[0];
    if (!search) return;
    event.preventDefault();
    search.focus();
  });
  let closed = [];
  addEventListener("beforeprint", () => {
    closed = [...document.querySelectorAll("details:not([open])")];
    for (const each of closed) each.open = true;
    for (const table of document.querySelectorAll("table.js")) {
      views.get(table).limit = Infinity;
      show(table);
    }
  });
  addEventListener("afterprint", () => {
    for (const each of closed) each.open = false;
    for (const table of document.querySelectorAll("table.js")) filter(table);
  });
  prepare(document);

  const line = document.getElementById("live");
  if (!line) return;
  const kept = () => [...document.querySelectorAll(".tools input, .tools select")].map((e) => [e.name, e.value]);
  async function renew() {
    const answer = await fetch("./", { cache: "no-store" });
    if (!answer.ok) throw new Error(String(answer.status));
    const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
    const open = [...document.querySelectorAll("details[open]")].map((d) => d.id);
    const values = kept();
    const focused = document.activeElement && document.activeElement.name;
    document.querySelector("main").replaceWith(document.adoptNode(fresh.querySelector("main")));
    for (const id of open) if (id && document.getElementById(id)) document.getElementById(id).open = true;
    prepare(document.querySelector("main"));
    for (const [name, value] of values) {
      const field = document.getElementsByName(name)[0];
      if (!field || value === "") continue;
      field.value = value;
      field.dispatchEvent(new Event(field.tagName === "SELECT" ? "change" : "input"));
      if (name === focused) field.focus();
    }
  }
  let renewing = false;
  let again = false;
  async function changed() {
    if (renewing) {
      again = true;
      return;
    }
    renewing = true;
    try {
      await renew();
    } catch (error) {
      line.textContent = `The page could not be renewed (${error.message}); what stands below is older.`;
    }
    renewing = false;
    if (again) {
      again = false;
      changed();
    }
  }
  const mark = document.querySelector("main").dataset.mark;
  const events = new EventSource(`events?mark=${encodeURIComponent(mark)}`);
  events.addEventListener("progress", (event) => {
    const now = JSON.parse(event.data);
    if (now.sweep === undefined) return;
    line.textContent = `Live. Sweep ${now.sweep} is ${now.state}: ${now.done} endpoints of ${now.total} services looked at, ${now.vulnerable} of these endpoints vulnerable, ${now.unknown} unknown.`;
  });
  events.addEventListener("changed", changed);
  events.addEventListener("trouble", (event) => {
    line.textContent = `The incident file cannot be read: ${JSON.parse(event.data).error} What stands below is older.`;
  });
  events.addEventListener("end", () => {
    events.close();
    line.textContent = "The server has stopped; what stands below is as of then.";
  });
  events.addEventListener("error", () => {
    line.textContent = "The connection is gone; what stands below is older. Trying again.";
  });
})();
