/** Comes before a test file in its process: the program's files are found by their names there, too. */
import { findOwnFilesByName } from '../../src/own-files.ts'

findOwnFilesByName()
