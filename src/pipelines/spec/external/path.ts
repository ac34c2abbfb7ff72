/** Paths of the server's machine, as the project file may name them. */
import { z } from 'zod'

const PATH = 'an absolute path without "." and ".." in it, for example /srv/data/flights.csv'

export const path = z
  .string()
  .max(4096)
  .refine((text) => text.startsWith('/') && !text.includes('\0') && !/(^|\/)\.{1,2}(\/|$)/.test(text), PATH)
