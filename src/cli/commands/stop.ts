import { stopCommand } from '../stop-command.ts'

export const command = stopCommand('stop')
