import{a,b,c}from"./chunk-IRXPEEF5.js";import"./chunk-MYN2RQWK.js";export{a as CELLS,b as hang,c as priorFor};
