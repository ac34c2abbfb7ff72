/** The flags of `slipway package`. */
import { flagsOf } from '../invocation/command.ts'
import type { Flag } from '../invocation/command.ts'

export const PACKAGE_FLAGS: readonly Flag[] = flagsOf({
  'out DIR': 'Folder of the project; new or empty (default the name of the file).',
  'python PATH': 'The interpreter that runs the code (default that of the active environment, else the first found).',
  'data NAME=PATH ...': 'Where an input lies on this machine.',
  'model NAME': 'The variable with the model, where the code fits several.',
  'order ORDER': 'Order of the cells: auto, document or executed (default auto: refuses where two orders differ).',
  'no-proof': 'Run nothing: neither the original nor the package.',
  'prove DIR':
    'Prove that the package in this folder, edited since, still computes the same, and write its report anew.',
  'cell-limit SECONDS': 'Time of each cell in the proof (default 600).',
  'sample MB': 'Inputs above this size are sampled down to it in the proof (default 100; 0 for never).',
  network: 'Let the proof use the network.',
  offline: 'Ask no package index for hashes.',
})
