/** Whether other people's code is kept from what is the server's: promise by promise, as the server tried it at its start. */
import type { Isolation } from '../../../src/contract/system.ts'
import { plural } from '../../../src/contract/text/format.ts'
import { Status } from '../page/status.tsx'

export function Confinement({ isolation: { layers, held, open, detail } }: { readonly isolation: Isolation }) {
  const by = layers.join(' and ')
  return (
    <div className="stack break" style={{ gap: 6 }}>
      <span>
        {open.length === 0 && <Status word={`confined by ${by}`} tone="good" />}
        {open.length > 0 && (
          <Status word={layers.length === 0 ? 'not confined' : `confined in part, by ${by}`} tone="warn" />
        )}
        {open.length > 0 && ` (${detail})`}
      </span>
      <ul className="stack" style={{ gap: 4 }}>
        {open.map((text) => (
          <li key={text}>
            <Status word="open" tone="bad" /> {text}
          </li>
        ))}
      </ul>
      {held.length > 0 && (
        <details>
          <summary>{plural(held.length, 'promise')} tried at the start and kept</summary>
          <ul className="stack" style={{ gap: 4, paddingTop: 6 }}>
            {held.map((text) => (
              <li key={text}>
                <Status word="held" tone="good" /> they cannot {text}
              </li>
            ))}
          </ul>
        </details>
      )}
    </div>
  )
}
