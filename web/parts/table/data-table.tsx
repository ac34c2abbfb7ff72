/** A table with one row of headings. */
import type { ReactNode } from 'react'

/** A heading: a text; `num` stands to the right above numbers, `sr` is for screen readers alone. */
export type Heading = string | readonly [text: string, kind: 'num' | 'sr']

export interface DataTableProps {
  readonly headings: readonly Heading[]
  /** What the table holds, where its panel does not say it. */
  readonly label?: string
  readonly className?: string
  /** Its rows. */
  readonly children: ReactNode
}

export function DataTable({ headings, label, className, children }: DataTableProps) {
  return (
    <table aria-label={label} className={className}>
      <thead>
        <tr>
          {headings.map((heading) => (
            <HeadingCell key={String(heading)} heading={heading} />
          ))}
        </tr>
      </thead>
      <tbody>{children}</tbody>
    </table>
  )
}

function HeadingCell({ heading }: { heading: Heading }) {
  if (typeof heading === 'string') return <th>{heading}</th>
  const [text, kind] = heading
  return kind === 'num' ? (
    <th className="num">{text}</th>
  ) : (
    <th>
      <span className="sr">{text}</span>
    </th>
  )
}
