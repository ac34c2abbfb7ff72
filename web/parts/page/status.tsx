/** A status as shape, word and colour; a version with its own colour. */
import { Link } from '@tanstack/react-router'
import { versionColour } from '../../data/colours.ts'
import { words } from '../../../src/contract/text/format.ts'
import { toneOf } from '../../data/tones.ts'
import type { Tone } from '../../data/tones.ts'

const SHAPES: Record<Tone, string> = {
  good: 'M6 1a5 5 0 1 0 0 10A5 5 0 0 0 6 1Zm2.600 3.200L5.400 8.300 3.400 6.300l.8-.8 1.100 1.100 2.400-3z',
  bad: 'M4 1h4l3 3v4l-3 3H4L1 8V4zM5.300 3v3.800h1.400V3zm0 4.700v1.400h1.400V7.700z',
  warn: 'M6 .8 11.700 11H.3zM5.400 4.500v3h1.200v-3zm0 3.900v1.200h1.200V8.400z',
  info: 'M6 1a5 5 0 1 0 0 10A5 5 0 0 0 6 1Zm0 1.3a3.7 3.7 0 1 1 0 7.4 3.7 3.7 0 0 1 0-7.4zM6 4a2 2 0 1 1 0 4 2 2 0 0 1 0-4z',
  idle: 'M6 1a5 5 0 1 0 0 10A5 5 0 0 0 6 1Zm0 1.300a3.700 3.700 0 1 1 0 7.400 3.700 3.700 0 0 1 0-7.400z',
}

/** A status word with the shape and colour of its tone. `label` replaces the word in sight. */
export function Status({ word, label, tone = toneOf(word) }: { word: string; label?: string; tone?: Tone }) {
  return (
    <span className={`status tone-${tone}`}>
      <svg width="12" height="12" viewBox="0 0 12 12" aria-hidden="true">
        <path d={SHAPES[tone]} fill="currentColor" fillRule="evenodd" />
      </svg>
      {label ?? words(word).toLowerCase()}
    </span>
  )
}

/** A version of a model with its colour; a link to its page. */
export function VersionChip({ model, version, label }: { model: string; version: string; label?: string }) {
  return (
    <Link to="/models/$name/versions/$version" params={{ name: model, version }} className="chip">
      <i style={{ background: versionColour(version) }} />
      {label ?? `version ${version}`}
    </Link>
  )
}

export function Tag({ children }: { children: string }) {
  return <span className="tag">{children}</span>
}

/** Tags in a row, each once. */
export function Tags({ words: texts }: { words: readonly string[] }) {
  return (
    <div className="row">
      {texts.map((text) => (
        <Tag key={text}>{text}</Tag>
      ))}
    </div>
  )
}
