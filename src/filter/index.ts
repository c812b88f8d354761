export interface FilterRule { text: string }
