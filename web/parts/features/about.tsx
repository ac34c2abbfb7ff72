/** What is said of a definition for people: what it is, who answers for it, the words by which it is found. */
import { Tag } from '../page/status.tsx'

/** Below a name in a list; nothing where nothing is said. */
export function Described({ description, matches = [] }: { description: string; matches?: readonly string[] }) {
  return (
    <>
      {description !== '' && <div className="muted small break">{description}</div>}
      {matches.length > 0 && <div className="mono small break">{matches.join(', ')}</div>}
    </>
  )
}

export function TagList({ tags }: { tags: Readonly<Record<string, string>> }) {
  return Object.entries(tags).map(([key, value]) => <Tag key={key}>{value === '' ? key : `${key} ${value}`}</Tag>)
}
