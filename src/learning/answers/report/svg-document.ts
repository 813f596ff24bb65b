/**
 * The few pieces of a document that Observable Plot needs to draw a figure where there is no browser: elements with
 * attributes, children and text, and their serialisation. Nothing is parsed, no event is ever fired.
 *
 * @module
 */

const SVG = 'http://www.w3.org/2000/svg';
const XHTML = 'http://www.w3.org/1999/xhtml';
/** Elements that have no end tag. */
const VOID = new Set(['br', 'hr', 'img', 'input', 'link', 'meta']);

function escapeText(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}

/** Escapes a text for an attribute in double quotes, or for the text of an element. */
export function escapeHtml(text: string): string {
  return escapeText(text).replaceAll('"', '&quot;').replaceAll("'", '&#39;');
}

class TextNode {
  readonly nodeType = 3;
  parentNode: ElementNode | null = null;
  textContent: string;
  constructor(text: string) {
    this.textContent = text;
  }
  get outerHTML(): string {
    return escapeText(this.textContent);
  }
}

type Node = ElementNode | TextNode;

/** An element; the names are those of the DOM. */
class ElementNode {
  readonly nodeType = 1;
  parentNode: ElementNode | null = null;
  childNodes: Node[] = [];
  readonly ownerDocument: object;
  readonly namespaceURI: string;
  readonly tagName: string;
  private readonly attributes = new Map<string, string>();
  readonly style: {
    setProperty: (name: string, value: string) => void;
    removeProperty: (name: string) => void;
    getPropertyValue: (name: string) => string;
  };

  constructor(tagName: string, namespaceURI: string, ownerDocument: object) {
    this.tagName = tagName;
    this.namespaceURI = namespaceURI;
    this.ownerDocument = ownerDocument;
    const properties = new Map<string, string>();
    const store = (): void => {
      const text = [...properties].map(([name, value]) => `${name}: ${value};`).join(' ');
      this.attributes.set('style', text);
    };
    this.style = {
      setProperty: (name, value) => {
        properties.set(name, value);
        store();
      },
      removeProperty: (name) => {
        properties.delete(name);
        store();
      },
      getPropertyValue: (name) => properties.get(name) ?? '',
    };
  }

  get nodeName(): string {
    return this.tagName;
  }
  get firstChild(): Node | null {
    return this.childNodes[0] ?? null;
  }
  get lastChild(): Node | null {
    return this.childNodes.at(-1) ?? null;
  }
  get nextSibling(): Node | null {
    const siblings = this.parentNode?.childNodes ?? [];
    return siblings[siblings.indexOf(this) + 1] ?? null;
  }
  get textContent(): string {
    return this.childNodes.map(({ textContent }) => textContent).join('');
  }
  set textContent(text: string) {
    this.childNodes = [];
    if (text !== '') this.appendChild(new TextNode(text));
  }
  get outerHTML(): string {
    const attributes = [...this.attributes].map(([name, value]) => ` ${name}="${escapeHtml(value)}"`).join('');
    if (VOID.has(this.tagName)) return `<${this.tagName}${attributes}>`;
    // The text of a style element is no markup; what stands in it here is Plot's own.
    const inner = this.childNodes
      .map((node) => (this.tagName === 'style' ? node.textContent : node.outerHTML))
      .join('');
    return `<${this.tagName}${attributes}>${inner}</${this.tagName}>`;
  }

  setAttribute(name: string, value: unknown): void {
    this.attributes.set(name, String(value));
  }
  setAttributeNS(_space: string, name: string, value: unknown): void {
    this.attributes.set(name, String(value));
  }
  getAttribute(name: string): string | null {
    return this.attributes.get(name) ?? null;
  }
  hasAttribute(name: string): boolean {
    return this.attributes.has(name);
  }
  removeAttribute(name: string): void {
    this.attributes.delete(name);
  }
  insertBefore(child: Node, before: Node | null): Node {
    child.parentNode?.removeChild(child);
    const at = before === null ? -1 : this.childNodes.indexOf(before);
    if (at < 0) this.childNodes.push(child);
    else this.childNodes.splice(at, 0, child);
    child.parentNode = this;
    return child;
  }
  appendChild(child: Node): Node {
    return this.insertBefore(child, null);
  }
  append(...children: (Node | string)[]): void {
    for (const child of children) this.appendChild(typeof child === 'string' ? new TextNode(child) : child);
  }
  removeChild(child: Node): Node {
    this.childNodes = this.childNodes.filter((node) => node !== child);
    child.parentNode = null;
    return child;
  }
  remove(): void {
    this.parentNode?.removeChild(this);
  }
  /** Plot asks for elements that it then finds none of. */
  querySelector(): null {
    return null;
  }
  querySelectorAll(): readonly ElementNode[] {
    return [];
  }
  addEventListener(): void {}
}

/** Creates a document that elements can be made in. */
export function createSvgDocument(): object {
  const document = {
    createElement: (name: string): ElementNode => new ElementNode(name, XHTML, document),
    createElementNS: (space: string, name: string): ElementNode =>
      new ElementNode(name.replace(/^svg:/, ''), space === '' ? SVG : space, document),
    createTextNode: (text: string): TextNode => new TextNode(text),
    get documentElement() {
      return { namespaceURI: XHTML, ownerDocument: document };
    },
    defaultView: undefined,
  };
  return document;
}
