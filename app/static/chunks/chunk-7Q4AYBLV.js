import{o as m}from"./chunk-DWQQ77SL.js";function o(r){return r?Number(r.slab_mm)?m("ui.mpr.told_slab",{mm:Number(r.slab_mm),how:m(`ui.mpr.how.${r.how}`)}):m("ui.mpr.told_plane"):""}export{o as a};
