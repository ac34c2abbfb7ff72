/** What is named by a key and is a text: params and tags. */

/** A param of a run or of a logged model: never changed once it is there. */
export interface Param {
  readonly key: string
  readonly value: string
}

/** A tag of an experiment, a run or a logged model: the last value counts. */
export interface Tag {
  readonly key: string
  readonly value: string
}
