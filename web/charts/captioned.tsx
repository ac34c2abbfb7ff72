/** A chart below its title and its sentence, drawn in the width that there is. */
import type { ReactNode } from 'react'
import { useWidth } from './width.ts'

export interface CaptionedProps {
  readonly title: string
  readonly said: string
  /** The chart in words. */
  readonly label: string
  /** In px. */
  readonly height: number
  /** False leaves the place empty. */
  readonly drawn: boolean
  readonly children: (width: number) => ReactNode
}

export function Captioned({ title, said, label, height, drawn, children }: CaptionedProps) {
  const [holder, width] = useWidth()
  return (
    <figure>
      <figcaption className="stacked small">
        <h3>{title}</h3>
        <span className="muted">{said}</span>
      </figcaption>
      <div ref={holder} role="img" aria-label={label} style={{ height }}>
        {width > 0 && drawn && children(width)}
      </div>
    </figure>
  )
}
