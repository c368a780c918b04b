// The README: its code blocks and tables, as its readers find them.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'

export interface Block {
  /** The heading it stands under, and its number there: `Quick start 2`. */
  name: string
  language: string
  code: string
}

const text = readFileSync(join(import.meta.dirname, '../../README.md'), 'utf8')

export function readmeBlocks(): Block[] {
  const blocks: Block[] = []
  let heading = ''
  let number = 0
  for (const [whole, , title, language, code] of text.matchAll(/^(#+) (.+)$|^```(\w+)\n([^]*?)^```$/gm)) {
    if (whole.startsWith('#')) {
      heading = title ?? ''
      number = 0
    } else blocks.push({ name: `${heading} ${++number}`, language: language ?? '', code: code ?? '' })
  }
  return blocks
}

export function readmeBlock(name: string): Block {
  const block = readmeBlocks().find((each) => each.name === name)
  if (!block) throw new Error(`the README has no block \`${name}\``)
  return block
}

/** The rows of the first table under a heading, without its head; cells without their backticks where they are all code. */
export function readmeTable(heading: string): string[][] {
  const [, below = ''] = text.split(new RegExp(`^#+ ${heading}$`, 'm'))
  const [section = ''] = below.split(/\n#+ /)
  const rows = section.match(/^\|.*\|$/gm) ?? []
  return rows.slice(2).map((row) => row.slice(1, -1).split('|').map(withoutBackticks))
}

function withoutBackticks(cell: string): string {
  return cell.trim().replace(/^`([^`]*)`$/, '$1')
}

export function readmeText(): string {
  return text
}
