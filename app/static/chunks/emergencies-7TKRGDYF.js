import{a,b}from"./chunk-HEOVNNLT.js";import"./chunk-HXTV2GR7.js";import"./chunk-JHBZTBQU.js";import"./chunk-V7ZHN6WM.js";import"./chunk-MYN2RQWK.js";export{b as emergencyNotice,a as mount};
