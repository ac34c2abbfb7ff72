/** The list of keys. */
import type { RefObject } from 'react'
import { PLACES } from '../../data/keyboard.ts'

const KEYS: readonly (readonly [string, string])[] = [
  ['Ctrl K', 'search everything (Cmd K on a Mac)'],
  ['j  k', 'next and previous row'],
  ['Enter', 'open the row'],
  ['x', 'select the row'],
  ['/', 'go to the filter'],
  ['?', 'this list'],
]

export function Help({ dialog }: { dialog: RefObject<HTMLDialogElement | null> }) {
  return (
    <dialog ref={dialog} aria-label="Keyboard">
      <div className="body">
        <h2>Keyboard</h2>
        <dl className="facts">
          {[...KEYS, ...PLACES.map(({ key, word }) => [`g ${key}`, `go to ${word}`] as const)].map(([keys, does]) => (
            <HelpRow key={keys} keys={keys} does={does} />
          ))}
        </dl>
        <form method="dialog">
          <button type="submit" className="button">
            Close
          </button>
        </form>
      </div>
    </dialog>
  )
}

function HelpRow({ keys, does }: { keys: string; does: string }) {
  return (
    <>
      <dt>
        <kbd>{keys}</kbd>
      </dt>
      <dd>{does}</dd>
    </>
  )
}
