/** The port `ifSound` of a database that is sound. */
import { ifSoundOf } from './if-sound.ts'

export const ifSound = ifSoundOf({ found: () => undefined }, (error) => {
  throw error
})
