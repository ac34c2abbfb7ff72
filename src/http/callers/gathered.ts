/** Puts a body together while it comes, so that the end of a long one has no more to do than that of a short one. */

/** A body of more bytes than this is copied together as it comes. */
const LONG = 1024 * 1024

export class Gathered {
  #size = 0
  #pieces: Uint8Array[] = []
  /** The bytes of a long body, as far as they have come, and room for more. */
  #long: Buffer | undefined
  readonly #expected: number

  /** `expected`: how many bytes the caller says there will be; 0 where it does not. Room for them is made once many have come. */
  constructor(expected = 0) {
    this.#expected = Number.isFinite(expected) ? expected : 0
  }

  /** How many bytes have come. */
  get size(): number {
    return this.#size
  }

  add(piece: Uint8Array): void {
    const before = this.#size
    this.#size += piece.length
    if (this.#long === undefined && this.#size <= LONG) {
      this.#pieces.push(piece)
      return
    }
    if (this.#size > (this.#long?.length ?? 0)) this.#grow(before)
    this.#long?.set(piece, before)
  }

  /** All that has come. */
  whole(): Buffer {
    if (this.#long !== undefined) return this.#long.subarray(0, this.#size)
    const [only, second] = this.#pieces
    return only instanceof Buffer && second === undefined ? only : Buffer.concat(this.#pieces, this.#size)
  }

  /** Room for what has come, `kept` bytes of which are here already, and for as much again or what is expected. */
  #grow(kept: number): void {
    const room = Buffer.allocUnsafeSlow(this.#size <= this.#expected ? this.#expected : 2 * this.#size)
    const pieces = this.#long === undefined ? this.#pieces : [this.#long.subarray(0, kept)]
    let at = 0
    for (const piece of pieces) {
      room.set(piece, at)
      at += piece.length
    }
    this.#pieces = []
    this.#long = room
  }
}
