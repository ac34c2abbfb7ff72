/** The program of a task, as small as schedulers need it that count its characters. */
import { deflateSync } from 'node:zlib'

/** The program without its comments and texts for readers. */
export function shortened(program: string): string {
  return (
    program
      .replace(/^"""[\s\S]*?"""\n/, '')
      // a class or a function may have nothing but that
      .replaceAll(/^( +)"""[\s\S]*?"""\n/gm, '$1pass\n')
      .replaceAll(/^ *#.*\n/gm, '')
      .replaceAll(/\n{2,}/g, '\n')
  )
}

/** Says how many words the program has; the words behind those are its arguments. */
const UNPACK =
  'import base64,sys,zlib;n=int(sys.argv[1])+2;c=zlib.decompress(base64.b64decode("".join(sys.argv[2:n])));del sys.argv[1:n];exec(c)'

/** Words behind `python3` that run the program, where a word has at most `most` characters; its own arguments come behind them. */
export function words(program: string, most: number): string[] {
  const text = deflateSync(shortened(program), { level: 9 }).toString('base64')
  const parts = text.match(new RegExp(`.{1,${most}}`, 'g')) ?? []
  return ['-c', UNPACK, String(parts.length), ...parts]
}
