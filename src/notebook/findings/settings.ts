/** Constants of the notebook become settings: names that one statement binds to a literal and nothing changes. */
import { freshName, seedSetting, type Program } from '../rewrite/program.ts'
import { hiddenTexts } from './secrets.ts'

/** Adds the settings, and the seed where the code has none of that name. A secret is none: it is read when the code runs. */
export function treatSettings(program: Program): void {
  const isHidden = hiddenTexts(program)
  for (const placed of program.placed) {
    const { value, texts } = placed.statement
    if (placed.role !== 'setting' || value === null) continue
    if (texts.some(isHidden)) {
      placed.role = 'body'
      continue
    }
    program.settings.set(value.name, {
      name: value.name,
      source: value.source,
      type: value.type === 'NoneType' ? 'Any' : value.type === 'tuple' ? 'tuple[Any, ...]' : value.type,
      cell: placed.cell,
      meaning: `From cell ${placed.cell}.`,
    })
  }
  if (seedSetting(program) === undefined && freshName(program, 'seed') === 'seed') program.settings.set('seed', SEED)
}

/** The setting that a package has of its own. */
const SEED = {
  name: 'seed',
  source: '0',
  type: 'int',
  cell: 0,
  meaning: 'Seeds the global generators before the first step.',
}
