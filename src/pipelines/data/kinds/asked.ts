/** What the reader of a kind of source is asked, and what it gives. */
import type { EgressStream } from '../../../http/egress-stream.ts'
import type { Blobs } from '../../../store/blobs/blobs.ts'
import { mapSome, type TreeInfo } from '../../../store/blobs/trees.ts'
import type { SourceAccess } from '../../context/deps.ts'

/** One reading of a source. */
export interface Asked<P> {
  readonly place: P
  readonly blobs: Blobs
  readonly access: SourceAccess
  readonly http: EgressStream
  /** The value of a secret of the project. Throws where it is not set. */
  readonly secret: (name: string) => Promise<string>
  /** Token of the last reading of the same place whose content is still kept. */
  readonly before: string | null
  readonly limits: Limits
}

/** What is given, with what tells later that nothing has changed. */
export interface Given {
  readonly tree: TreeInfo
  readonly version: string | null
  /** How old the data is, ms since 1970. */
  readonly dataAt: number | null
  /** Equal to that of another reading only where both gave the same content; null where that cannot be said. */
  readonly token: string | null
  /** Known by the kind itself; undefined = to be counted. */
  readonly rows?: number
}

/** Given, or found unchanged since `before`. */
export type Reading = Given | 'unchanged'

/** A source that cannot be reached now, or changed while it was read: worth another try. */
export class SourceAway extends Error {
  /** The source by its name, once that is known. */
  source?: string
}

/** A source that is not as the project file says, or may not be read: the run cannot begin. */
export class SourceRefused extends Error {
  /** The source by its name. */
  source?: string
}

/** Counts bytes and time of one reading. */
export interface Limits {
  /** Throws where more bytes were given than the source may give. */
  take(bytes: number): void
  /** Throws when the time is over, or nobody waits for the source any more. */
  check(): void
  /** Ms until the time is over. */
  left(): number
  /** Bytes that may be given in all. */
  readonly most: number
}

/** The parts of a stream, held to the limits. */
export async function* within(parts: AsyncIterable<Uint8Array>, limits: Limits): AsyncGenerator<Uint8Array> {
  for await (const part of parts) {
    limits.take(part.length)
    limits.check()
    yield part
  }
}

/** Takes several parts of a source at the same time, within its limits; after a fault none is begun any more. */
export async function takeAll<A, B>(parts: readonly A[], limits: Limits, take: (part: A) => Promise<B>): Promise<B[]> {
  let isOver = false
  try {
    return await mapSome(parts, async (part) => {
      if (isOver) throw new SourceAway('another part of it could not be read')
      limits.check()
      return take(part)
    })
  } catch (error) {
    isOver = true
    throw error
  }
}
