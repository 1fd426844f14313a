import{a,b}from"./chunk-UAWFSRTV.js";import"./chunk-FZH7OFDE.js";import"./chunk-3DPJVPQT.js";import"./chunk-DWQQ77SL.js";import"./chunk-MYN2RQWK.js";export{b as emergencyNotice,a as mount};
