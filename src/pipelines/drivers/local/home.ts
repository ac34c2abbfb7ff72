/** The home folder of an attempt: caches of its own to write, and links to what the user of the server has in theirs, to be read. */
import { mkdir, readdir, symlink } from 'node:fs/promises'
import { dirname, join, relative } from 'node:path'
import { ifMissing } from '../../../contract/absence/absent.ts'

/** Folders in which libraries keep caches and settings: an attempt has each for itself. What it makes beside them has to be allowed. */
const OWN = [
  '.cache',
  '.config',
  '.local/share',
  '.keras',
  '.triton',
  '.nv',
  'scikit_learn_data',
  'nltk_data',
  'seaborn-data',
]
/** Of caches, whose entries are not linked, those of downloads are, down to where a new one is put beside those that are there. */
const DOWNLOADS = 'huggingface huggingface/hub huggingface/datasets torch torch/hub torch/hub/checkpoints matplotlib'
  .split(' ')
  .map((name) => `.cache/${name}`)
const DATA = ['.keras/datasets', '.keras/models', 'nltk_data/corpora', 'nltk_data/taggers', 'nltk_data/tokenizers']

/** Folders of a home that are real; everything else in it is a link. */
const REAL = new Set([...OWN, '.local', ...DOWNLOADS, ...DATA])

export interface Home {
  /** Where it is made. */
  readonly place: string
  /** The user's, which may not be there. */
  readonly user: string
  /** Folders that the attempt may write anyway: they are linked whole. */
  readonly write: readonly string[]
}

/** Makes the folder. */
export async function makeHome(home: Home): Promise<void> {
  for (const name of OWN) await mkdir(join(home.place, name), { recursive: true, mode: 0o700 })
  if (home.user !== '') await fill(home, '')
  for (const path of home.write) {
    const name = relative(home.user, path)
    if (home.user === '' || name === '' || name.startsWith('..')) continue
    await mkdir(dirname(join(home.place, name)), { recursive: true })
    await link(home, name)
  }
}

/** The folders of a home that an attempt may write. */
export function writtenInHome(place: string): string[] {
  return OWN.map((name) => join(place, name))
}

async function fill(home: Home, folder: string): Promise<void> {
  // what lies in a cache that nobody knows may be taken for the step's own and changed in place
  const links = folder !== '.cache'
  for (const name of await namesIn(join(home.user, folder))) {
    const path = folder === '' ? name : `${folder}/${name}`
    if (home.write.includes(join(home.user, path))) await link(home, path)
    else if (REAL.has(path)) {
      await mkdir(join(home.place, path), { recursive: true, mode: 0o700 })
      await fill(home, path)
    } else if (links) await link(home, path)
  }
}

/** What a folder of the user holds; nothing where it is not there, or its owner has closed it to us. */
async function namesIn(folder: string): Promise<string[]> {
  try {
    return (await ifMissing(readdir(folder))) ?? []
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EACCES') return []
    throw error
  }
}

/** Links what the user has; what is there already stays. */
async function link({ place, user }: Home, name: string): Promise<void> {
  try {
    await symlink(join(user, name), join(place, name))
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
  }
}
