/** Licences as packages really write them: of PyPI, npm and Debian. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { debianLicenses, forDocument, npmLicenses, pythonLicenses } from './licenses.ts'

const spdx = (expression: string) => ({ expression })
const named = (name: string) => ({ license: { name } })
const metadata = (lines: string): string =>
  `Metadata-Version: 2.4\nName: x\nVersion: 1\n${lines}\n\nText\nLicense: of the text\n`

for (const [what, text, expected] of [
  [
    'an expression of PEP 639',
    'License-Expression: BSD-3-Clause AND 0BSD\nLicense-File: LICENSE',
    [spdx('BSD-3-Clause AND 0BSD')],
  ],
  [
    'classifiers',
    'License: MIT\nClassifier: License :: OSI Approved :: MIT License\nClassifier: Programming Language :: Python',
    [named('MIT License')],
  ],
  [
    'two classifiers',
    'Classifier: License :: OSI Approved :: Apache Software License\nClassifier: License :: OSI Approved :: BSD License',
    [named('Apache Software License'), named('BSD License')],
  ],
  ['a bare classifier and a name', 'License: Apache-2.0\nClassifier: License :: OSI Approved', [spdx('Apache-2.0')]],
  ['a name that is no expression', 'License: BSD 3-Clause', [named('BSD 3-Clause')]],
  ['ends of lines as Windows has them', 'License: MIT\r\nAuthor: x\r', [spdx('MIT')]],
  ['the text of a licence', 'License: MIT License\n        \n        Copyright (c) 2010', []],
  ['nothing known', 'License: UNKNOWN', []],
  ['nothing', 'Author: x', []],
] as const)
  test(`of a package of Python: ${what}`, () => assert.deepEqual(pythonLicenses(metadata(text)), expected))

test('of a package of npm', () => {
  const of = (more: object): object[] => npmLicenses(JSON.stringify({ name: 'x', version: '1', ...more }, null, 2))
  assert.deepEqual(of({ license: 'MIT' }), [spdx('MIT')])
  assert.deepEqual(of({ license: '(MIT OR CC0-1.0)' }), [spdx('(MIT OR CC0-1.0)')])
  assert.deepEqual(of({ license: 'SEE LICENSE IN LICENSE.md' }), [named('SEE LICENSE IN LICENSE.md')])
  assert.deepEqual(of({ license: { type: 'ISC', url: 'u' } }), [spdx('ISC')])
  assert.deepEqual(of({ licenses: [{ type: 'MIT' }, { type: 'Apache 2' }] }), [spdx('MIT'), named('Apache 2')])
  assert.deepEqual(of({}), [])
  assert.deepEqual(npmLicenses('{ "license": '), [])
})

test('of a package of Debian: the short names of its machine-readable form, each once', () => {
  const format = 'Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/'
  const paragraphs = 'Files: *\nLicense: GPL-2+\n\nFiles: x\nLicense: BSD-3-clause\n\nLicense: GPL-2+\n The text'
  assert.deepEqual(debianLicenses(`${format}\n\n${paragraphs}`), [named('GPL-2+'), named('BSD-3-clause')])
  assert.deepEqual(debianLicenses('This package was debianized by x.\nLicense: see below'), [])
  const free =
    "can be found in `/usr/share/common-licenses/LGPL-2.1'.\n  see /usr/share/common-licenses/GPL-3. Or /usr/share/common-licenses/GPL-3,"
  assert.deepEqual(debianLicenses(free), [named('LGPL-2.1'), named('GPL-3')])
})

test('a document has one expression, or names', () => {
  assert.deepEqual(forDocument([spdx('MIT')]), [spdx('MIT')])
  assert.deepEqual(forDocument([spdx('MIT'), named('Apache 2')]), [named('MIT'), named('Apache 2')])
})
