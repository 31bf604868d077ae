import type { ImageSummary } from '../../api/image.ts'
import { formatPlatform } from '../../oci/platform.ts'
import { infoHeader } from './note.ts'
import { humanSize, shortId } from './units.ts'

type Details = {
  readonly id: string
  readonly usage: string
  readonly content: string
  readonly inUse: boolean
  readonly pinned?: boolean
}
type Branch = Details & { readonly platform: string; readonly available: boolean }
type Trunk = Details & { readonly names: readonly string[]; readonly branches: readonly Branch[] }
type Column = {
  readonly title: string
  width: number
  readonly right?: boolean
  readonly value: (details: Details) => string
}

const BOLD = '\x1b[39m\x1b[1m'
const NAME = '\x1b[34m\x1b[1m'
const FAINT = '\x1b[39m\x1b[2m'
const YELLOW = '\x1b[93m'
const USUAL = '\x1b[39m'
const GAP = 3
/** What an image can be, as a letter in the last column; the second is shown only where one is so. */
const CHIPS = [
  { letter: 'U', meaning: 'In Use', colour: 14, is: ({ inUse }: Details): boolean => inUse },
  { letter: 'P', meaning: 'Pinned', colour: 11, is: ({ pinned = false }: Details): boolean => pinned },
] as const
type Chip = (typeof CHIPS)[number]
const chipText = ({ letter, colour }: Chip, fancy: boolean): string =>
  fancy ? `\x1b[38;5;0m\x1b[48;5;${colour}m ${letter} \x1b[0m` : letter
const UNTAGGED = '<untagged>'

/** Images newest first, each with its names and below them the platforms that it has. `fancy`: for a terminal, `columns` wide. */
export const imageTree = (images: readonly ImageSummary[], columns: number, fancy: boolean): string => {
  const paint = (colour: string, text: string): string => (fancy ? `${colour}${text}\x1b[0m` : text)
  const trunks = [...images].sort((one, other) => other.Created - one.Created).map(trunkOf)
  const table = fit(columnsFor(trunks, fancy), trunks, Math.max(20, columns))
  const [first = { title: '', width: 0, value: () => '' }, ...others] = table
  const cell = (column: Column, colour: string, text: string): string => {
    const width = widthOf(text)
    if (width > column.width) return paint(colour, shorten(text, column.width))
    const blank = ' '.repeat(column.width - width)
    return column.right ? blank + paint(colour, text) : paint(colour, text) + blank
  }
  const details = (colour: string, item: Details): string =>
    others
      .map(column => ' '.repeat(GAP) + cell(column, column.title === 'Extra' ? '' : colour, column.value(item)))
      .join('')
  const hasBranches = trunks.some(({ branches }) => branches.length > 0)

  const warning = "WARNING: This is an experimental feature. The output may change and shouldn't be depended on."
  const known = CHIPS.filter(chip => chip.letter === 'U' || trunks.some(chip.is))
  const legend = `${infoHeader(fancy)}${known.map(chip => ` ${chipText(chip, fancy)} ${chip.meaning}`).join(' |')} `
  let text = `${paint(YELLOW, warning)}\n${' '.repeat(Math.max(0, columns - widthOf(legend)))}${legend}\n\n`
  text += `${table.map(column => cell(column, BOLD, column.title.toUpperCase())).join(' '.repeat(GAP))}\n`
  for (const trunk of trunks) {
    const names = [...trunk.names].sort((one, other) => other.length - one.length)
    for (const name of names.slice(0, -1)) text += `${paint(NAME, shorten(name, columns))}\n`
    const last = names.at(-1)
    text += last === undefined ? cell(first, FAINT, UNTAGGED) : cell(first, NAME, last)
    text += `${details(USUAL, trunk)}\n`
    for (const [i, branch] of trunk.branches.entries()) {
      const colour = branch.available ? USUAL : `${USUAL}\x1b[2m`
      const twig = i === trunk.branches.length - 1 ? '└─ ' : '├─ '
      text += `${cell(first, colour, twig + branch.platform)}${details(colour, branch)}\n`
    }
    if (hasBranches) text += '\n'
  }
  return text
}

const trunkOf = (image: ImageSummary): Trunk => {
  const manifests = image.Manifests ?? []
  const branches = manifests.flatMap((manifest): Branch[] => {
    const { ImageData: data } = manifest
    if (manifest.Kind !== 'image' || data === undefined) return []
    return [
      {
        id: manifest.ID,
        platform: formatPlatform(data.Platform),
        available: manifest.Available,
        usage: humanSize(manifest.Size.Total, 3),
        content: humanSize(manifest.Size.Content, 3),
        inUse: (data.Containers ?? []).length > 0,
      },
    ]
  })
  const content = manifests.reduce((sum, { Size }) => sum + Size.Content, 0)
  const total = manifests.reduce((sum, { Size }) => sum + Size.Total, 0)
  return {
    id: image.Id,
    names: (image.RepoTags ?? []).filter(name => name !== '<none>:<none>'),
    usage: humanSize(manifests.length > 0 ? total : image.Size, 3),
    content: humanSize(content, 3),
    pinned: image.Pinned === true,
    inUse: image.Containers > 0 || branches.some(({ inUse }) => inUse),
    branches,
  }
}

const columnsFor = (trunks: readonly Trunk[], fancy: boolean): Column[] => {
  const all: readonly Details[] = trunks.flatMap(trunk => [trunk, ...trunk.branches])
  const chips = CHIPS.filter(chip => all.some(chip.is))
  const free = fancy ? '   ' : ' '
  const extra = (details: Details): string =>
    chips.map(chip => (chip.is(details) ? chipText(chip, fancy) : free)).join('')
  return [
    { title: 'Image', width: 0, value: () => '' },
    { title: 'ID', width: 12, value: ({ id }) => shortId(id) },
    { title: 'Disk usage', width: 10, right: true, value: ({ usage }) => usage },
    { title: 'Content size', width: 12, right: true, value: ({ content }) => content },
    { title: 'Extra', width: Math.max('Extra'.length, chips.length * free.length), value: extra },
  ]
}

/** Gives the names what room is left, but no more than they need; where that is too little, columns at the right go. */
const fit = (table: readonly Column[], trunks: readonly Trunk[], columns: number): Column[] => {
  const needed = Math.max(
    'Image'.length,
    ...trunks.flatMap(({ names, branches }) => [
      ...(names.length > 0 ? names : [UNTAGGED]).map(name => name.length),
      ...branches.map(({ platform }) => platform.length + 3),
    ]),
  )
  let room = columns
  let shown = 1
  for (const { width } of table.slice(1)) {
    if (room - width - GAP < 12) break
    room -= width + GAP
    shown++
  }
  return table.slice(0, shown).map((column, i) => (i === 0 ? { ...column, width: Math.min(room, needed) } : column))
}

/** Columns that a text takes, without its colours. */
const widthOf = (text: string): number => [...text.replace(/\x1b\[[\d;]*m/g, '')].length

const shorten = (text: string, width: number): string =>
  [...text].length < width ? text : `${[...text].slice(0, Math.max(0, width - 1)).join('')}…`
