// Shows /openapi.json: the operations by tag, what they take and give, and a form to try each one.
// Nothing is loaded from elsewhere.
"use strict";

const METHODS = ["get", "post", "put", "patch", "delete", "head", "options"];

function element(name, attributes = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (key === "class") made.className = value;
    else if (key.startsWith("on")) made.addEventListener(key.slice(2), value);
    else made.setAttribute(key, value);
  }
  made.append(...children.filter((child) => child !== null && child !== undefined));
  return made;
}

/** The schema that a reference names. */
function resolve(api, schema) {
  const name = schema?.$ref?.split("/").pop();
  return name ? { ...api.components.schemas[name], title: name } : schema ?? {};
}

/** A schema in a few words: `string`, `Project`, `[Project]`, `integer or null`. */
function words(api, schema) {
  if (!schema) return "anything";
  if (schema.$ref) return schema.$ref.split("/").pop();
  if (schema.oneOf || schema.anyOf) {
    return (schema.oneOf ?? schema.anyOf).map((one) => words(api, one)).join(" or ");
  }
  if (schema.allOf) return schema.allOf.map((one) => words(api, one)).join(" with ");
  const types = [schema.type ?? "anything"].flat();
  return types.map((type) => (type === "array" ? `[${words(api, schema.items)}]` : type)).join(" or ");
}

/** A value of the schema, to begin with. */
function example(api, schema, depth = 0) {
  const known = resolve(api, schema);
  if (known.example !== undefined) return known.example;
  if (known.default !== undefined) return known.default;
  if (depth > 5) return null;
  if (known.allOf) return Object.assign({}, ...known.allOf.map((one) => example(api, one, depth + 1)));
  const choice = (known.oneOf ?? known.anyOf)?.find((one) => one.type !== "null");
  if (choice) return example(api, choice, depth + 1);
  const type = [known.type].flat().find((one) => one !== "null");
  if (type === "object" || known.properties) {
    const wanted = Object.entries(known.properties ?? {});
    return Object.fromEntries(wanted.map(([key, value]) => [key, example(api, value, depth + 1)]));
  }
  if (type === "array") return [example(api, known.items, depth + 1)];
  if (type === "integer" || type === "number") return known.minimum ?? 0;
  if (type === "boolean") return false;
  return type === "string" ? "" : null;
}

function fields(api, schema) {
  const known = resolve(api, schema);
  const properties = Object.entries(known.properties ?? {});
  if (!properties.length) return element("p", {}, element("code", {}, words(api, schema)));
  const required = new Set(known.required ?? []);
  const rows = properties.map(([name, value]) =>
    element("tr", {},
      element("td", {}, element("code", {}, name), required.has(name) ? " (required)" : ""),
      element("td", {}, words(api, value)),
      element("td", {}, value.description ?? resolve(api, value).description ?? "")));
  return element("table", {}, element("tbody", {}, ...rows));
}

function tryForm(api, path, method, operation) {
  const parameters = operation.parameters ?? [];
  const media = Object.keys(operation.requestBody?.content ?? {})[0];
  const inputs = parameters.map((parameter, at) => {
    const id = `${operation.operationId}-${at}`;
    const input = element("input", { id, placeholder: words(api, parameter.schema) });
    if (parameter.required) input.required = true;
    return { parameter, input, label: element("label", { for: id }, parameter.name) };
  });
  const isJson = media === "application/json";
  const body = isJson
    ? element("textarea", { rows: "6", spellcheck: "false", "aria-label": "Body" },
      JSON.stringify(example(api, operation.requestBody.content[media].schema), null, 2))
    : media ? element("input", { type: "file", "aria-label": "Body" }) : null;
  const answer = element("div", { "aria-live": "polite" });
  const send = async (event) => {
    event.preventDefault();
    let target = path;
    const query = new URLSearchParams();
    for (const { parameter, input } of inputs) {
      if (parameter.in === "path") target = target.replace(`{${parameter.name}}`, encodeURIComponent(input.value));
      else if (parameter.in === "query" && input.value) query.append(parameter.name, input.value);
    }
    const headers = {};
    const token = document.getElementById("token").value.trim();
    if (token) headers.authorization = `Bearer ${token}`;
    for (const { parameter, input } of inputs) {
      if (parameter.in === "header" && input.value) headers[parameter.name] = input.value;
    }
    if (isJson) headers["content-type"] = media;
    const began = performance.now();
    try {
      const response = await fetch(query.size ? `${target}?${query}` : target, {
        method: method.toUpperCase(), headers, body: isJson ? body.value : body?.files?.[0],
      });
      const type = response.headers.get("content-type") ?? "";
      let text = /json|text/.test(type) ? await response.text() : `${(await response.blob()).size} bytes of ${type || "nothing"}`;
      if (/json/.test(type)) try { text = JSON.stringify(JSON.parse(text), null, 2); } catch { /* shown as it is */ }
      answer.replaceChildren(
        element("p", {}, element("strong", {}, `${response.status} ${response.statusText}`), ` in ${Math.round(performance.now() - began)} ms`),
        element("pre", {}, text));
    } catch (error) {
      answer.replaceChildren(element("p", {}, `No answer: ${error.message}`));
    }
  };
  return element("form", { onsubmit: send },
    inputs.length ? element("div", { class: "fields" }, ...inputs.map(({ input, label }) => element("div", {}, label, input))) : null,
    body, element("button", {}, "Send"), answer);
}

function fill(container, api, path, method, operation) {
  const responses = Object.entries(operation.responses ?? {}).map(([status, response]) => {
    const content = Object.entries(response.content ?? {})[0];
    return element("tr", {},
      element("td", {}, element("code", {}, status)),
      element("td", {}, response.description ?? ""),
      element("td", {}, content ? words(api, content[1].schema) : ""));
  });
  const parameters = (operation.parameters ?? []).map((parameter) =>
    element("tr", {},
      element("td", {}, element("code", {}, parameter.name), parameter.required ? " (required)" : ""),
      element("td", {}, `${parameter.in}, ${words(api, parameter.schema)}`),
      element("td", {}, parameter.description ?? "")));
  const content = Object.entries(operation.requestBody?.content ?? {})[0];
  const given = Object.entries(operation.responses ?? {}).find(([status]) => status.startsWith("2"))?.[1];
  const result = Object.values(given?.content ?? {})[0]?.schema;
  const part = (title, ...children) => [element("h3", {}, title), ...children];
  container.replaceChildren(
    ...(operation.description ? [element("p", {}, operation.description)] : []),
    ...(parameters.length ? part("Parameters", element("table", {}, element("tbody", {}, ...parameters))) : []),
    ...(content ? part(`Body: ${content[0]}`, fields(api, content[1].schema)) : []),
    ...part("Answers", element("table", {}, element("tbody", {}, ...responses))),
    ...(result ? part(`Fields of ${words(api, result)}`, fields(api, result)) : []),
    ...part("Try it", tryForm(api, path, method, operation)));
}

function show(api) {
  document.getElementById("about").replaceChildren(
    `Version ${api.info.version}. ${api.info.description ?? ""} `,
    element("a", { href: "/openapi.json" }, "openapi.json"));
  const groups = new Map((api.tags ?? []).map((tag) => [tag.name, { about: tag.description ?? "", operations: [] }]));
  for (const [path, item] of Object.entries(api.paths)) {
    for (const method of METHODS.filter((one) => item[one])) {
      const tag = item[method].tags?.[0] ?? "other";
      if (!groups.has(tag)) groups.set(tag, { about: "", operations: [] });
      groups.get(tag).operations.push({ path, method, operation: item[method] });
    }
  }
  const index = document.getElementById("index");
  const main = document.getElementById("operations");
  const shown = [];
  for (const [tag, { about, operations }] of groups) {
    if (!operations.length) continue;
    const list = element("div", {}, element("h2", {}, tag));
    const heading = element("h2", {}, tag);
    main.append(heading, element("p", {}, about));
    for (const { path, method, operation } of operations) {
      const id = operation.operationId;
      const body = element("div", { class: "body" });
      const details = element("details", { class: "operation", id },
        element("summary", {},
          element("span", { class: `method ${method}` }, method.toUpperCase()),
          element("span", { class: "path" }, path),
          element("span", { class: "what" }, operation.summary ?? ""),
          operation.security?.length ? element("span", { class: "tag" }, "token") : null),
        body);
      details.addEventListener("toggle", () => {
        if (details.open && !body.childElementCount) fill(body, api, path, method, operation);
      });
      const open = () => { details.open = true; };
      const link = element("a", { href: `#${id}`, onclick: open }, operation.summary ?? id);
      list.append(link);
      main.append(details);
      shown.push({ text: `${method} ${path} ${operation.summary ?? ""} ${tag}`.toLowerCase(), link, details });
    }
    index.append(list);
  }
  document.getElementById("search").addEventListener("input", (event) => {
    const wanted = event.target.value.trim().toLowerCase();
    for (const { text, link, details } of shown) link.hidden = details.hidden = !text.includes(wanted);
  });
  const meant = document.getElementById(location.hash.slice(1));
  if (meant) { meant.open = true; meant.scrollIntoView(); }
}

document.getElementById("session").addEventListener("submit", (event) => event.preventDefault());
fetch("/openapi.json")
  .then((response) => (response.ok ? response.json() : Promise.reject(new Error(`status ${response.status}`))))
  .then(show)
  .catch((error) => { document.getElementById("about").textContent = `The description cannot be loaded: ${error.message}`; });
