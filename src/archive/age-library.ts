/** The age-encryption library, in a module of its own: it is loaded where something is encrypted, and nowhere else. */
export { Decrypter, Encrypter } from 'age-encryption';
