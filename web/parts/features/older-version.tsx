/** Says that what is shown is not the newest version. */
import type { ReactNode } from 'react'

/** `children`: the link to the newest. */
export function OlderVersion({ shown, newest, children }: { shown: number; newest: number; children: ReactNode }) {
  return (
    <div className="notice" role="status">
      <p>
        Version {shown} is shown; the newest is version {newest}. {children}
      </p>
    </div>
  )
}
