import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import ts from 'typescript'
import { root } from './pages.ts'

const known = new Map<string, readonly string[]>()

/** Whether a file has a test, or a group of tests, of that title; an ellipsis stands for what differs between cases. */
export function hasTest(file: string, title: string): boolean {
  const literal = title.split('…').map(part => part.replace(/[.*+?^${}()|[\]\\]/g, '\\$&'))
  const pattern = new RegExp(`^${literal.join('.+')}$`)
  return titlesIn(file).some(each => pattern.test(each))
}

function titlesIn(file: string): readonly string[] {
  const titles = known.get(file) ?? findTitles(file)
  known.set(file, titles)
  return titles
}

function findTitles(file: string): readonly string[] {
  const titles: string[] = []
  const source = ts.createSourceFile(file, readFileSync(join(root, file), 'utf8'), ts.ScriptTarget.Latest)
  const visit = (node: ts.Node): void => {
    if (ts.isCallExpression(node) && /^(it|test|describe)\b/.test(node.expression.getText(source))) {
      const [title] = node.arguments
      if (title && (ts.isStringLiteralLike(title) || ts.isTemplateExpression(title))) {
        titles.push(ts.isStringLiteralLike(title) ? title.text : title.getText(source).slice(1, -1))
      }
    }
    ts.forEachChild(node, visit)
  }
  visit(source)
  return titles
}
