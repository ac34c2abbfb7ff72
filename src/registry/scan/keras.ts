/** What Keras would import or call for a model in JSON: it takes each object by the module and the name that the file gives. */
import type { Said } from './yaml-rules.ts'

/** Characters beyond which a description of a model is not read. */
const LONGEST = 8 * 1024 * 1024
const REASON = 'Keras imports what the file names when it makes the model'
/** Modules whose classes are parts of models. */
const PARTS = /^(?:keras|tf_keras|keras_hub|keras_cv|keras_nlp|tensorflow\.keras|tensorflow\.python\.keras)(?:\.\w+)*$/
/** Modules whose functions are parts of models, as activations and losses; others set options, fetch files and load models. */
const FUNCTIONS =
  /^(?:tf_)?keras\.(?:(?:src\.)?(?:activations|losses|metrics|initializers|regularizers|constraints|ops)(?:\.\w+)*)$/
/** What Python's own functions are that need no module. */
const HARMFUL =
  /^(?:eval|exec|compile|open|__import__|getattr|setattr|delattr|globals|locals|vars|input|breakpoint|help|memoryview|type|object|super|__build_class__)$/
/** Things of Keras that are no part of a model. */
const ACTS =
  /(?:^|\.)(?:enable_unsafe_deserialization|get_file|load_model|load_img|model_from_json|deserialize\w*|save_\w+|TorchModuleWrapper|Lambda)$/

/** What a text of JSON says that is more than layers and functions of Keras; nothing where it describes no model. */
export function saidByKeras(text: string): readonly Said[] {
  if (!/"(?:class_name|registered_name)"/.test(text)) return []
  const root = text.length > LONGEST ? undefined : read(text)
  if (root === undefined) return [{ what: 'a description of a model that cannot be read', reason: REASON }]
  const said: Said[] = []
  // no recursion: the depth of the text is its writer's
  for (const open: unknown[] = [root.value]; open.length > 0;) {
    const one = open.pop()
    if (typeof one !== 'object' || one === null) continue
    const odd = Array.isArray(one) ? undefined : oddity(one as Readonly<Record<string, unknown>>)
    if (odd !== undefined) said.push({ what: odd, reason: REASON })
    open.push(...Object.values(one))
  }
  return said.slice(0, 20)
}

/** What an object of a description names that is no part of a model. */
function oddity(one: Readonly<Record<string, unknown>>): string | undefined {
  const { class_name: kind, module, config } = one
  if (kind === undefined) return undefined
  const isFunction = kind === 'function'
  const name = isFunction && typeof config === 'string' ? config : kind
  if (typeof name !== 'string') return `${JSON.stringify(name).slice(0, 80)} as a name`
  if (ACTS.test(name)) return name
  if (module === undefined || module === null) return undefined
  if (typeof module !== 'string') return `${JSON.stringify(module).slice(0, 80)} as a module`
  const full = `${module}.${name}`.slice(0, 200)
  if (module === 'builtins') return HARMFUL.test(name) ? full : undefined
  if (!PARTS.test(module)) return full
  return isFunction && !FUNCTIONS.test(module) ? full : undefined
}

/** As Python reads JSON, which has numbers that are none; undefined where it is no JSON. */
function read(text: string): { readonly value: unknown } | undefined {
  for (const one of [text, text.replaceAll(/-?\b(?:NaN|Infinity)\b/g, '0')]) {
    try {
      return { value: JSON.parse(one) as unknown }
    } catch (error) {
      if (!(error instanceof SyntaxError)) throw error
    }
  }
  return undefined
}
