// The little of Markdown that answers use: paragraphs, lists, headings, fenced and inline code, bold, italics. It builds nodes and never
// sets HTML, so an answer can show markup but cannot be markup.

const FENCE = /^```/;
const ITEM = /^\s*(?:[-*•]|\d+[.)])\s+(.*)$/;
const HEADING = /^#{1,6}\s+(.*)$/;

/** Return the nodes that show `text`. */
export function prose(text) {
  const nodes = [];
  const lines = text.split("\n");
  while (lines.length) {
    const line = lines[0];
    if (line.trim() === "") lines.shift();
    else if (FENCE.test(line)) nodes.push(fenced(lines));
    else if (ITEM.test(line)) nodes.push(list(lines));
    else if (HEADING.test(line)) nodes.push(element("h3", inline(HEADING.exec(lines.shift())[1])));
    else nodes.push(element("p", inline(paragraph(lines))));
  }
  return nodes;
}

function fenced(lines) {
  lines.shift();
  const code = [];
  while (lines.length && !FENCE.test(lines[0])) code.push(lines.shift());
  lines.shift();
  return element("pre", [element("code", [code.join("\n")])]);
}

function list(lines) {
  const ordered = /^\s*\d/.test(lines[0]);
  const items = [];
  while (lines.length && ITEM.test(lines[0])) items.push(element("li", inline(ITEM.exec(lines.shift())[1])));
  return element(ordered ? "ol" : "ul", items);
}

function paragraph(lines) {
  const kept = [];
  while (lines.length && lines[0].trim() !== "" && ![FENCE, ITEM, HEADING].some((mark) => mark.test(lines[0]))) {
    kept.push(lines.shift());
  }
  return kept.join("\n");
}

function inline(text) {
  return text.split(/(`[^`\n]+`|\*\*[^*\n]+\*\*|\*[^\s*](?:[^*\n]*[^\s*])?\*)/).map((part) => {
    if (/^`.+`$/.test(part)) return element("code", [part.slice(1, -1)]);
    if (/^\*\*.+\*\*$/.test(part)) return element("strong", [part.slice(2, -2)]);
    if (/^\*.+\*$/.test(part)) return element("em", [part.slice(1, -1)]);
    return part;
  });
}

function element(name, children) {
  const node = document.createElement(name);
  node.append(...children);
  return node;
}
