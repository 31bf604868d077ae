import { inspectCommand } from '../inspect-command.ts'

export const command = inspectCommand({ word: 'VOLUME', path: name => `/volumes/${name}` })
