/** Where the bare route puts its entries. */
export const bareStream = 'bare';
