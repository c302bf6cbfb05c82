import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import ts from 'typescript'
import { root } from './pages.ts'

interface Titles {
  readonly tests: string[]
  readonly groups: string[]
}

/** Whether a test of that title stands in a file; an ellipsis stands for what differs between cases. */
export function hasTest(file: string, title: string): boolean {
  return titlesIn(file).tests.some(matcherOf(title))
}

/** The same of a group of tests. */
export function hasGroup(file: string, title: string): boolean {
  return titlesIn(file).groups.some(matcherOf(title))
}

function matcherOf(title: string): (other: string) => boolean {
  const literal = title.split('…').map(part => part.replace(/[.*+?^${}()|[\]\\]/g, '\\$&'))
  const pattern = new RegExp(`^${literal.join('.+')}$`)
  return other => pattern.test(other)
}

const known = new Map<string, Titles>()

function titlesIn(file: string): Titles {
  const titles = known.get(file) ?? readTitles(file)
  known.set(file, titles)
  return titles
}

function readTitles(file: string): Titles {
  const titles: Titles = { tests: [], groups: [] }
  const source = ts.createSourceFile(file, readFileSync(join(root, file), 'utf8'), ts.ScriptTarget.Latest)
  const visit = (node: ts.Node): void => {
    if (ts.isCallExpression(node)) {
      const [, called] = /^(it|test|describe)\b/.exec(node.expression.getText(source)) ?? []
      const [title] = node.arguments
      if (called && title && (ts.isStringLiteralLike(title) || ts.isTemplateExpression(title))) {
        const text = ts.isStringLiteralLike(title) ? title.text : title.getText(source).slice(1, -1)
        titles[called === 'describe' ? 'groups' : 'tests'].push(text)
      }
    }
    ts.forEachChild(node, visit)
  }
  visit(source)
  return titles
}
