import { pinCommand } from '../pin-command.ts'

export const command = pinCommand('unpin')
